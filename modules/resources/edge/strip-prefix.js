// CloudFront Function, viewer request, GeoJSON behaviour only: the bucket's keys begin below the
// public path, and CloudFront itself can only add to a path.
function handler(event) {
  const request = event.request;
  request.uri = request.uri.replace(/^\/data\/geojson\//, "/");
  return request;
}
