// Private to src/package: the body, an OCI image layout (image-spec 1.1): oci-layout, index.json
// and blobs/sha256/..: the image manifest, app.yaml as its config, the files as its layers.
#pragma once

#include <vector>

#include "package/package.h"

namespace lander::package {

// Checks names, counts and sizes (kInvalid), then writes.
base::Result<base::Bytes> write_body(const Manifest& manifest, const std::vector<File>& files);

struct Body {
  Manifest manifest;
  std::vector<File> files;  // by name
};
// Reads only what write_body() writes: kCorrupt otherwise; kInvalid for a mistake in app.yaml.
base::Result<Body> read_body(base::ByteView body);

}  // namespace lander::package
