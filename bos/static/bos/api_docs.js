/** Show the OpenAPI document: what Swagger UI would be told by an inline script, which the policy forbids. */

const place = /** @type {HTMLElement} */ (document.getElementById("api"));

SwaggerUIBundle({
  url: place.dataset.document,
  domNode: place,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false, // a token is kept nowhere
  validatorUrl: null, // no foreign host is asked
});
