# Inkling in one container: docker build -t inkling . && docker run -p 127.0.0.1:8000:8000 -v inkling:/data inkling
FROM python:3.12-slim AS build
WORKDIR /srv
COPY requirements.lock ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --no-deps -r requirements.lock

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 inkling && install -d -o inkling /data
COPY --from=build /venv /venv
WORKDIR /srv
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY migrations ./migrations
COPY static ./static
COPY templates ./templates
RUN /venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
USER inkling
# Inside the container it listens everywhere; which addresses reach it is decided where the port is published.
ENV PATH=/venv/bin:$PATH \
    INKLING_HOST=0.0.0.0 \
    INKLING_PORT=8000 \
    INKLING_DATABASE_URL=sqlite:////data/inkling.db
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
# The migrations are applied at the start, before the port answers.
CMD ["inkling", "serve"]
