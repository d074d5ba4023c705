#include <string>

#include "api/gate.h"

#ifdef LANDER_CONSOLE
extern "C" {
extern const std::uint8_t lander_index_html_begin[], lander_index_html_end[];
extern const std::uint8_t lander_app_js_begin[], lander_app_js_end[];
extern const std::uint8_t lander_app_css_begin[], lander_app_css_end[];
}
#endif

namespace lander::api {
namespace {

#ifdef LANDER_CONSOLE
struct Asset {
  const char* path;
  const char* content_type;
  const std::uint8_t* begin;
  const std::uint8_t* end;
};

// No inline script or style, nothing from elsewhere: what a stored cross-site script would need.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' "
    "data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

http::Response page(const Asset& asset) {
  http::Response response;
  response.content_type = asset.content_type;
  response.body.assign(asset.begin, asset.end);
  response.headers = {{"Content-Encoding", "gzip"},
                      {"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", kPolicy},
                      {"Referrer-Policy", "no-referrer"}};
  return response;
}
#endif

}  // namespace

void Gate::serve_console() {
#ifdef LANDER_CONSOLE
  static const Asset kAssets[] = {
      {"/", "text/html; charset=utf-8", lander_index_html_begin, lander_index_html_end},
      {"/assets/app.js", "text/javascript; charset=utf-8", lander_app_js_begin, lander_app_js_end},
      {"/assets/app.css", "text/css; charset=utf-8", lander_app_css_begin, lander_app_css_end},
  };
  for (const Asset& asset : kAssets) {
    server_.route("GET", asset.path, 0, [&asset](const http::Request&, http::Responder responder) {
      responder.reply(page(asset));
    });
  }
#else
  server_.route("GET", "/", 0, [](const http::Request&, http::Responder responder) {
    responder.reply(http::Response::text(404, "The console was not built: run ./dev build.\n"));
  });
#endif
}

}  // namespace lander::api
