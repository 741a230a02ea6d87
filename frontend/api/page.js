// The API page: Swagger UI over Studio's own description. Requests carry the session's cookie, or the
// key that was entered under "Authorize", which then counts in its place. No key is kept.
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
