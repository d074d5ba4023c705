// Packages from anywhere: the envelope without a good signature, then the same bytes as a body
// under a good one. Whatever opens must be exactly what packing its parts again gives.
#include "package/package.h"

#include <algorithm>
#include <string>

#include "base/cbor.h"

namespace base = lander::base;
namespace crypto = lander::crypto;
namespace package = lander::package;

namespace {

base::Bytes signed_package(base::ByteView body, const crypto::PrivateKey& vendor) {
  base::CborWriter writer;
  writer.array(6).unsigned_integer(1).text("app").text("a").text("1");
  writer.unsigned_integer(body.size()).bytes(crypto::sha256(body));
  const base::Bytes signature = crypto::sign1(vendor, writer.out(), "lander-package-v1").value();
  const std::string_view magic = "LANDPKG1";
  base::Bytes out(magic.begin(), magic.end());
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(signature.size() >> (8 * i)));
  out.insert(out.end(), signature.begin(), signature.end());
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto vendor = crypto::PrivateKey::generate(crypto::KeyType::kEd25519).value();
  static const lander::trust::Document trust{
      .version = 1, .signers = {{"v", vendor.public_key().to_der(), {"*"}}}};
  const base::ByteView input(data, size);
  LANDER_CHECK(!package::verify_and_open(input, trust).ok());
  (void)package::verify_and_open(signed_package(input, vendor), trust);
  (void)package::parse_manifest(base::as_text(input), "app.yaml");
  if (const auto opened = package::open_unverified(input); opened.ok()) {
    const auto again = package::pack(opened->manifest, opened->files).value();
    const std::size_t body = again.size() - 12;
    LANDER_CHECK(input.size() >= body && std::equal(again.begin() + 12, again.end(),
                                                    input.end() - static_cast<long>(body)));
  }
  return 0;
}
