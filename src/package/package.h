// App packages: one file, signed by its vendor, verified before anything of it is unpacked.
// Format: docs/formats/package.md: "LANDPKG1", length, COSE_Sign1 (Ed25519) over CBOR {type, name,
// version, size, sha256 of the body}, then the body: an OCI image layout as an uncompressed tar.
// What is read has exactly the form that is written: one package, one sequence of bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "sensing/datastream.h"
#include "trust/trust.h"

namespace lander::package {

inline constexpr std::uint64_t kMaxPackageBytes = 64 << 20;  // also of its files together
inline constexpr std::size_t kMaxPackageFiles = 1'000;       // besides app.yaml

struct HealthGate {
  base::DurationUs within = 30 * base::kSecond;  // the gate's length after the start
  std::uint64_t min_evaluations = 1;  // the pipeline must have worked that often by its end
  std::uint64_t max_invalid = 0;      // evaluations without a valid input
  std::uint64_t max_alerts = 5;       // raised within the gate: a new version that shouts is sick
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
  std::string yaml;  // the whole file
};
// kInvalid with "file:line:column: what" a line, all mistakes at once. `pipeline` and a port's
// `stale_after` are only required to be there, or to be of the right kind: stream::Spec reads them.
base::Result<Manifest> parse_manifest(std::string_view yaml, std::string file_name);

// Packs an app.yaml and the files it names (models); deterministic: same input, same bytes,
// whatever the order of `files`. kInvalid: a name that is not relative [A-Za-z0-9._/-] without "."
// or ".." parts, a name twice, too many files or bytes.
struct File {
  std::string name;
  base::Bytes bytes;
};
base::Result<base::Bytes> pack(const Manifest& manifest,
                               const std::vector<File>& files);  // unsigned
// Replaces a signature that is there. Opens the body first: nothing broken is signed. Ed25519.
base::Result<base::Bytes> sign(base::ByteView package, const crypto::PrivateKey& vendor);
std::string digest(base::ByteView package);  // SHA-256 of the whole file, hex: its name everywhere

struct Package {
  Manifest manifest;
  std::vector<File> files;  // by name
  std::string digest, vendor;
  // Of open_unverified(): only the first 16 digits, and only claimed; empty: unsigned.
  std::string signer_key_id;
};
// In this order: bounds, signature by a signer whom `trust` allows for this name, body's hash, only
// then the tar and the manifest. kCorrupt, kDenied ("signer ab12.. is not trusted", revoked,
// unsigned), kInvalid, kUnsupported (a later version's).
base::Result<Package> verify_and_open(base::ByteView package, const trust::Document& trust);
// For `lander app show`: without trust, clearly marked so by the caller.
base::Result<Package> open_unverified(base::ByteView package);

// Ports -> datastreams by meaning, in the ports' order. Equal property, commensurable unit, no
// text, asset ends in the port's asset (if it names one). None: kNotFound; several: kConflict that
// lists them, never a guess. `pinned` (from the desired state) decides first; only the unit must
// then fit. The error tells of every port that failed.
struct PortBinding {
  std::string port, datastream;
};
base::Result<std::vector<PortBinding>> bind(const std::vector<PortNeed>& ports,
                                            const std::vector<sensing::Datastream>& datastreams,
                                            const std::vector<PortBinding>& pinned);

}  // namespace lander::package
