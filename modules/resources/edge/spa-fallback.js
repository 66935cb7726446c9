// CloudFront Function, viewer request, default behaviour only: a path of the page's own router
// (one without a file extension) gets the page. Errors of the API and of the data never pass here.
function handler(event) {
  const request = event.request;
  const last = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (!last.includes(".")) {
    request.uri = "/index.html";
  }
  return request;
}
