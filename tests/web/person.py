"""What a person or a script does over the API, in few words."""

from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient

from app.models import AccountRole

POOL = "/api/v1/pools/digits"

PEOPLE: dict[str, AccountRole] = {"boss": "admin", "ada": "annotator", "ben": "annotator"}

Json = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """An annotator at the API; each method returns the body of an answer that has to be a good one."""

    client: TestClient
    name: str

    def lease(self, count: int | None = None) -> Json:
        """Ask for images."""
        body = {"annotator": self.name} | ({} if count is None else {"count": count})
        return self._post("leases", body, 200)

    def label(self, image_ids: list[int], value: int = 3, key: str | None = None) -> Json:
        """Give all of them one value."""
        labels = [{"image_id": image_id, "value": value} | ({"key": key} if key else {}) for image_id in image_ids]
        return self._post("labels", {"annotator": self.name, "labels": labels}, 201)

    def lease_and_label(self, count: int | None = None) -> list[Json]:
        """Ask, and answer what came; the events."""
        events: list[Json] = self.label([image["image_id"] for image in self.lease(count)["images"]])["events"]
        return events

    def undo(self, **body: Any) -> Json:
        """Take an answer back."""
        return self._post("undo", {"annotator": self.name} | body, 200)

    def _post(self, what: str, body: Json, status: int) -> Json:
        response = self.client.post(f"{POOL}/{what}", json=body)
        assert response.status_code == status, response.text
        answer: Json = response.json()
        return answer
