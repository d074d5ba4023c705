// A person's file, however broken: read or refused with its place, and every handle stays usable.
#include "base/yaml.h"

#include "base/bytes.h"
#include "base/check.h"

namespace {

void walk(lander::base::Yaml node, int depth) {
  LANDER_CHECK(depth < 100);
  (void)node.text();
  (void)node.number();
  (void)node.duration_us();
  if (node.is_list()) {
    for (auto& item : node.items()) walk(item, depth + 1);
  } else if (node.is_map()) {
    (void)node.optional("id").integer();
    for (auto& [key, value] : node.entries()) walk(value, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lander::base;
  auto root = Yaml::parse(as_text(ByteView(data, size)), "fuzz.yaml");
  if (!root.ok()) {
    LANDER_CHECK(root.error().message().starts_with("fuzz.yaml:"));
    return 0;
  }
  walk(*root, 0);
  (void)root->finish();
  for (const YamlMistake& mistake : root->mistakes()) {
    LANDER_CHECK(mistake.line >= 1 && mistake.column >= 1);
  }
  return 0;
}
