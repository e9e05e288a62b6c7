/**
 * The API's documentation. Needs [data-openapi] with the address of the OpenAPI document,
 * and the global SwaggerUIBundle of /vendor/swagger/swagger-ui-bundle.js.
 */
const place = document.querySelector("[data-openapi]");

globalThis.SwaggerUIBundle({
  url: place.dataset.openapi,
  domNode: place,
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null, // nothing is sent to anybody else's server
});
