// App packages: one file, signed by its vendor, verified before anything of it is unpacked.
// Format: docs/formats/package.md: "LANDPKG1", length, COSE_Sign1 (Ed25519) over CBOR {name, version,
// type, size, sha256 of the body}, then the body: an OCI image layout as an uncompressed tar.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "sensing/datastream.h"
#include "trust/trust.h"

namespace lander::package {

inline constexpr std::uint64_t kMaxPackageBytes = 64 << 20;

struct HealthGate {
  base::DurationUs within = 30 * base::kSecond;  // the gate's length after the start
  std::uint64_t min_evaluations = 1;   // the pipeline must have worked that often by its end
  std::uint64_t max_invalid = 0;       // evaluations without a valid input
  std::uint64_t max_alerts = 5;        // raised within the gate: a new version that shouts is sick
};

struct PortNeed {
  std::string name, property, unit, asset;
};

// app.yaml. `pipeline` stays text here: stream::Spec parses it from the same file.
struct Manifest {
  std::string name, version, vendor, title, description, licence, support;
  std::string purpose;  // "continuity" or "availability"
  std::vector<PortNeed> ports;
  HealthGate health;
  std::string yaml;     // the whole file
};
base::Result<Manifest> parse_manifest(std::string_view yaml, std::string file_name);

// Packs a folder's app.yaml and the files it names (models); deterministic: same input, same bytes.
struct File {
  std::string name;
  base::Bytes bytes;
};
base::Result<base::Bytes> pack(const Manifest& manifest, const std::vector<File>& files);  // unsigned
base::Result<base::Bytes> sign(base::ByteView unsigned_package, const crypto::PrivateKey& vendor);
std::string digest(base::ByteView package);  // SHA-256 of the whole file, hex: its name everywhere

struct Package {
  Manifest manifest;
  std::vector<File> files;
  std::string digest, vendor, signer_key_id;
};
// In this order: bounds, signature by a signer whom `trust` allows for this name, body's hash, only
// then the tar and the manifest. kCorrupt, kDenied ("signer ab12.. is not trusted"), kInvalid.
base::Result<Package> verify_and_open(base::ByteView package, const trust::Document& trust);
// For `lander app show`: without trust, clearly marked so by the caller.
base::Result<Package> open_unverified(base::ByteView package);

// Ports -> datastreams by meaning. Equal property, commensurable unit, asset ends in the port's asset
// (if it names one). None: kNotFound; several: kConflict that lists them, never a guess. `pinned`
// (from the desired state) decides first.
struct PortBinding {
  std::string port, datastream;
};
base::Result<std::vector<PortBinding>> bind(const std::vector<PortNeed>& ports,
                                            const std::vector<sensing::Datastream>& datastreams,
                                            const std::vector<PortBinding>& pinned);

}  // namespace lander::package
