// What stands on a stick that anybody may have written: names of folders and files, a part.
#include "carrier/stick.h"

#include <algorithm>

#include "base/check.h"

namespace {

using namespace lander;

// A stick whose every folder holds the same entries, which the input names.
class Strange final : public os::Folder {
 public:
  explicit Strange(std::string_view names) {
    while (!names.empty()) {
      const auto end = std::min(names.find('\n'), names.size());
      entries_.push_back({std::string(names.substr(0, end)), end % 2 == 0, end});
      names.remove_prefix(std::min(end + 1, names.size()));
    }
    if (entries_.size() > 6) entries_.resize(6);
  }
  base::Result<std::vector<Entry>> list(const std::string&, std::size_t max) override {
    if (entries_.size() > max) return base::Error(base::Code::kExhausted, "too many");
    return entries_;
  }
  base::Result<base::Bytes> read(const std::string& path, std::uint64_t) override {
    return base::Bytes(path.begin(), path.end());
  }
  base::Status write(const std::string&, base::ByteView) override { return {}; }
  base::Status remove(const std::string&) override { return {}; }
  base::Status make_folders(const std::string&) override { return {}; }
  base::Result<std::uint64_t> free_bytes() override { return std::uint64_t{0}; }

 private:
  std::vector<Entry> entries_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView in(data, size);
  const std::string_view text = base::as_text(in);
  if (const auto name = carrier::parse_bundle_name(text); name.ok())
    LANDER_CHECK(carrier::to_string(*name) == text);
  if (const auto name = carrier::name_of_folder(text)) {
    LANDER_CHECK(carrier::folder_name(*name) == text);
    LANDER_CHECK(name->find('/') == std::string::npos && *name != ".." && *name != ".");
  }
  if (const auto part = carrier::decode_part(in); part.ok()) {
    const auto again = carrier::encode(*part);
    LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
  }
  if (const auto part = carrier::decode_way_in(in); part.ok()) {
    const auto again = carrier::encode(*part);
    LANDER_CHECK(std::equal(again.begin(), again.end(), in.begin(), in.end()));
  }
  Strange folder(text);
  carrier::Stick stick(folder);
  if (const auto listing = stick.list(); listing.ok()) {
    LANDER_CHECK(listing->ignored.size() <= carrier::Stick::kMaxIgnored);
    for (const auto& file : listing->files) (void)stick.read(file).ok();
  }
  return 0;
}
