#include "proxy/admin/admin_page.h"

namespace causeway::proxy {
namespace {

// page.html with page.css and page.js in it, as a literal: see CMakeLists.txt.
constexpr std::string_view kPage =
#include "proxy/admin/admin_page_html.inc"
    ;

}  // namespace

std::string_view admin_page() {
  return kPage;
}

}  // namespace causeway::proxy
