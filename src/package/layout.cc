#include "package/layout.h"

#include <algorithm>
#include <map>

#include <nlohmann/json.hpp>

#include "package/names.h"
#include "package/tar.h"

namespace lander::package {
namespace {

using base::ByteView;
using base::Code;
using base::Error;
using Json = nlohmann::ordered_json;  // keeps our order: same input, same bytes

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kAppType = "application/vnd.lander.app.v1";
constexpr const char* kConfigType = "application/vnd.lander.app.v1+yaml";
constexpr const char* kLayerType = "application/octet-stream";
constexpr const char* kTitle = "org.opencontainers.image.title";
constexpr const char* kVersion = "org.opencontainers.image.version";
constexpr const char* kVendor = "org.opencontainers.image.vendor";
constexpr std::string_view kLayoutText = "{\"imageLayoutVersion\":\"1.0.0\"}";
constexpr std::string_view kBlobs = "blobs/sha256/", kSha256 = "sha256:";
constexpr std::string_view kConfigName = "app.yaml";
constexpr std::size_t kMaxFileName = 200;
constexpr std::size_t kMaxJson = std::size_t{1} << 20;
constexpr std::size_t kExtraEntries = 4;  // oci-layout, index.json, manifest, app.yaml

struct FileView {
  std::string name;
  ByteView bytes;
};

Error corrupt(const std::string& what) {
  return Error(Code::kCorrupt, "the package's layout: " + what);
}

base::Status valid_file_name(std::string_view name) {
  bool valid = !name.empty() && name.size() <= kMaxFileName && name != kConfigName &&
               is_made_of(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ._/-");
  for (std::size_t at = 0; valid && at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, end - at);
    valid = !part.empty() && part != "." && part != "..";
    at = end + 1;
  }
  if (valid) return {};
  return Error(Code::kInvalid,
               "a file's name in a package is relative, made of A-Z a-z 0-9 . _ / -, "
               "has no part \"..\" and is not app.yaml: \"" +
                   std::string(name.substr(0, kMaxFileName)) + "\"");
}

// Counts sizes as if nothing were shared: one blob under a thousand names must not become 64 GB.
base::Status valid_files(const std::vector<FileView>& files) {  // sorted
  if (files.size() > kMaxPackageFiles) {
    return Error(Code::kInvalid,
                 "a package has at most 1000 files, not " + std::to_string(files.size()));
  }
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    LANDER_TRY(valid_file_name(files[i].name));
    if (i > 0 && files[i].name == files[i - 1].name) {
      return Error(Code::kInvalid, "a package has two files \"" + files[i].name + "\"");
    }
    total += files[i].bytes.size();
  }
  if (total <= kMaxPackageBytes) return {};
  return Error(Code::kInvalid, "the files of a package have together at most 64 MiB, not " +
                                   std::to_string(total) + " bytes");
}

// A layout's texts and its entries, which borrow the texts, the manifest and the files.
struct Layout {
  std::string index, image;
  std::vector<TarEntry> entries;
};

Json descriptor(const char* type, const std::string& digest, std::size_t size) {
  return Json{{"mediaType", type}, {"digest", std::string(kSha256) + digest}, {"size", size}};
}

std::string image_text(const Manifest& manifest, const std::string& config_digest,
                       const std::vector<FileView>& files,
                       const std::vector<std::string>& digests) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < files.size(); ++i) {
    Json layer = descriptor(kLayerType, digests[i], files[i].bytes.size());
    layer["annotations"] = Json{{kTitle, files[i].name}};
    layers.push_back(std::move(layer));
  }
  Json image{{"schemaVersion", 2}, {"mediaType", kManifestType}, {"artifactType", kAppType}};
  image["config"] = descriptor(kConfigType, config_digest, manifest.yaml.size());
  image["layers"] = std::move(layers);
  image["annotations"] =
      Json{{kTitle, manifest.name}, {kVersion, manifest.version}, {kVendor, manifest.vendor}};
  return image.dump();
}

void make_layout(const Manifest& manifest, const std::vector<FileView>& files, Layout& out) {
  std::map<std::string, ByteView> blobs;  // the same bytes are stored once
  const auto add = [&blobs](ByteView bytes) {
    const std::string digest = crypto::sha256_hex(bytes);
    blobs.emplace(digest, bytes);
    return digest;
  };
  std::vector<std::string> digests;
  for (const FileView& file : files) digests.push_back(add(file.bytes));
  const std::string config = add(base::as_bytes(manifest.yaml));
  out.image = image_text(manifest, config, files, digests);
  const std::string image = add(base::as_bytes(out.image));
  Json index{{"schemaVersion", 2}, {"mediaType", "application/vnd.oci.image.index.v1+json"}};
  Json entry = descriptor(kManifestType, image, out.image.size());
  entry["artifactType"] = kAppType;
  index["manifests"] = Json::array({std::move(entry)});
  out.index = index.dump();

  out.entries.push_back({"oci-layout", base::as_bytes(kLayoutText)});
  out.entries.push_back({"index.json", base::as_bytes(out.index)});
  for (const auto& [digest, bytes] : blobs) {
    out.entries.push_back({std::string(kBlobs) + digest, bytes});
  }
}

// --- Reading ------------------------------------------------------------------------------------

using Entries = std::map<std::string, ByteView, std::less<>>;

base::Result<Json> json_at(const Entries& entries, std::string_view name) {
  const auto found = entries.find(name);
  if (found == entries.end()) return corrupt("no " + std::string(name));
  if (found->second.size() > kMaxJson) return corrupt(std::string(name) + " is larger than 1 MiB");
  Json json = Json::parse(found->second.begin(), found->second.end(), nullptr, false);
  if (json.is_discarded()) return corrupt(std::string(name) + " is no JSON");
  return json;
}

// The text at a JSON pointer; empty when there is none.
std::string text_at(const Json& json, const char* pointer) {
  const Json::json_pointer at(pointer);
  return json.contains(at) && json[at].is_string() ? json[at].get<std::string>() : std::string();
}

base::Result<std::string> blob_name(const Json& json, const char* pointer) {
  const std::string digest = text_at(json, pointer);
  if (digest.rfind(kSha256, 0) == 0) return std::string(kBlobs) + digest.substr(kSha256.size());
  return corrupt(std::string("no sha256 digest at ") + pointer);
}

base::Result<ByteView> blob_at(const Entries& entries, const Json& json, const char* pointer) {
  LANDER_ASSIGN(const std::string name, blob_name(json, pointer));
  const auto found = entries.find(name);
  if (found == entries.end()) return corrupt("no " + name.substr(0, 100));
  return found->second;
}

base::Result<std::vector<FileView>> files_of(const Entries& entries, const Json& image) {
  std::vector<FileView> out;
  const auto layers = image.find("layers");
  if (layers == image.end() || !layers->is_array()) return corrupt("no list of layers");
  for (const Json& layer : *layers) {
    FileView file;
    file.name = text_at(layer, "/annotations/org.opencontainers.image.title");
    LANDER_ASSIGN(file.bytes, blob_at(entries, layer, "/digest"));
    out.push_back(std::move(file));
  }
  return out;
}

bool same(const std::vector<TarEntry>& a, const std::vector<TarEntry>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.name == y.name &&
           std::equal(x.bytes.begin(), x.bytes.end(), y.bytes.begin(), y.bytes.end());
  });
}

}  // namespace

base::Result<base::Bytes> write_body(const Manifest& manifest, const std::vector<File>& files) {
  std::vector<FileView> sorted;
  for (const File& file : files) sorted.push_back({file.name, file.bytes});
  std::sort(sorted.begin(), sorted.end(),
            [](const FileView& a, const FileView& b) { return a.name < b.name; });
  LANDER_TRY(valid_files(sorted));
  Layout layout;
  make_layout(manifest, sorted, layout);
  return write_tar(layout.entries);
}

base::Result<Body> read_body(ByteView body) {
  LANDER_ASSIGN(const std::vector<TarEntry> entries,
                read_tar(body, kMaxPackageFiles + kExtraEntries));
  Entries by_name;
  for (const TarEntry& entry : entries) by_name.emplace(entry.name, entry.bytes);
  LANDER_ASSIGN(const Json index, json_at(by_name, "index.json"));
  LANDER_ASSIGN(const std::string image_name, blob_name(index, "/manifests/0/digest"));
  LANDER_ASSIGN(const Json image, json_at(by_name, image_name));
  LANDER_ASSIGN(const ByteView yaml, blob_at(by_name, image, "/config/digest"));
  LANDER_ASSIGN(const std::vector<FileView> files, files_of(by_name, image));
  LANDER_TRY(valid_files(files));
  Body out;
  LANDER_ASSIGN(out.manifest, parse_manifest(base::as_text(yaml), std::string(kConfigName)));

  // Writing it again compares everything: digests, sizes, order, and that nothing else is in there.
  Layout layout;
  make_layout(out.manifest, files, layout);
  if (!same(layout.entries, entries)) {
    return corrupt("a digest, a size or a field differs from what its files give");
  }
  for (const FileView& file : files) {
    out.files.push_back({file.name, base::Bytes(file.bytes.begin(), file.bytes.end())});
  }
  return out;
}

}  // namespace lander::package
