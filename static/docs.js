/**
 * The API's documentation, light or dark like the system. Needs [data-openapi] with the address of the OpenAPI document,
 * and the global SwaggerUIBundle of /vendor/swagger/swagger-ui-bundle.js.
 */
const place = document.querySelector("[data-openapi]");
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches); // Swagger UI's own name

follow();
dark.addEventListener("change", follow);
globalThis.SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null, // nothing is sent to anybody else's server
});
