#include "package/package.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/cbor.h"
#include "package/layout.h"
#include "package/tar.h"

namespace lander::package {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using crypto::KeyType;
using crypto::PrivateKey;

std::string app_yaml(const std::string& name = "pump-watch", const std::string& version = "1.0.0",
                     const std::string& vendor = "acme") {
  return "app: " + name + "\nversion: " + version + "\nvendor: " + vendor +
         "\npurpose: continuity\nports: {v: {property: vibration, unit: mm/s}}\npipeline: []\n";
}
Manifest manifest_of(const std::string& yaml) { return parse_manifest(yaml, "app.yaml").value(); }
Bytes bytes_of(std::string_view text) { return Bytes(text.begin(), text.end()); }

// A body under a good signature, whatever the body is: what a hostile vendor could make.
Bytes sign_anything(ByteView body, const PrivateKey& vendor, std::uint64_t size,
                    const std::string& name = "pump-watch", const std::string& version = "1.0.0",
                    const std::string& type = "app") {
  base::CborWriter writer;
  writer.array(6).unsigned_integer(1).text(type).text(name).text(version).unsigned_integer(size);
  writer.bytes(crypto::sha256(body));
  const Bytes signature = crypto::sign1(vendor, writer.out(), "lander-package-v1").value();
  Bytes out = bytes_of("LANDPKG1");
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<std::uint8_t>(signature.size() >> (8 * i)));
  out.insert(out.end(), signature.begin(), signature.end());
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

class Packages : public testing::Test {
 protected:
  PrivateKey vendor = PrivateKey::generate(KeyType::kEd25519).value();
  PrivateKey stranger = PrivateKey::generate(KeyType::kEd25519).value();
  trust::Document trust{.version = 1,
                        .signers = {{"acme", vendor.public_key().to_der(), {"pump-watch"}}}};
  const std::vector<File> files = {{"models/b.bin", bytes_of("second")},
                                   {"models/a.bin", bytes_of("first")}};
  Bytes unsigned_package = pack(manifest_of(app_yaml()), files).value();
  Bytes package = sign(unsigned_package, vendor).value();

  Code refusal(ByteView bytes) {
    const auto opened = verify_and_open(bytes, trust);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Code::kInternal : opened.error().code();
  }
  Code hostile(ByteView body) { return refusal(sign_anything(body, vendor, body.size())); }
};

TEST_F(Packages, ArriveAsPacked) {
  const auto opened = verify_and_open(package, trust);
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_EQ(opened->manifest.name, "pump-watch");
  EXPECT_EQ(opened->manifest.yaml, app_yaml());
  ASSERT_EQ(opened->files.size(), 2u);
  EXPECT_EQ(opened->files[0].name, "models/a.bin");
  EXPECT_EQ(base::as_text(opened->files[0].bytes), "first");
  EXPECT_EQ(base::as_text(opened->files[1].bytes), "second");
  EXPECT_EQ(opened->vendor, "acme");
  EXPECT_EQ(opened->digest, digest(package));
  EXPECT_EQ(opened->signer_key_id, vendor.public_key().id());
}

TEST_F(Packages, TheSameInputGivesTheSameBytesForEver) {
  const std::vector<File> other_order = {files[1], files[0]};
  EXPECT_EQ(pack(manifest_of(app_yaml()), other_order).value(), unsigned_package);
  EXPECT_EQ(sign(unsigned_package, vendor).value(), package);
  EXPECT_EQ(sign(package, vendor).value(), package) << "signing again changes nothing";
  EXPECT_EQ(digest(unsigned_package),
            "d2a56d29e6fcb0322ed610034dc858a9c05fe25309f0901aa4e0c19d8b7cf82d")
      << "the format changed: raise its number";
}

TEST_F(Packages, EveryFlippedBitIsRefusedBeforeUnpacking) {
  Bytes small = sign(pack(manifest_of(app_yaml()), {}).value(), vendor).value();
  std::size_t in_body = 0;
  for (std::size_t bit = 0; bit < small.size() * 8; ++bit) {
    small[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    const auto opened = verify_and_open(small, trust);
    ASSERT_FALSE(opened.ok()) << "bit " << bit;
    const std::string& why = opened.error().message();
    EXPECT_EQ(why.find("package's tar"), std::string::npos)
        << "unpacked before it was verified: " << why;
    EXPECT_EQ(why.find("package's layout"), std::string::npos) << why;
    in_body += why.find("body is not what its vendor signed") != std::string::npos;
    small[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  EXPECT_GT(in_body, 8u * 4096);
  EXPECT_TRUE(verify_and_open(small, trust).ok());
}

TEST_F(Packages, EveryFlippedByteOfALargerOneIsRefused) {
  for (std::size_t at = 0; at < package.size(); ++at) {
    package[at] ^= 0xFF;
    EXPECT_FALSE(verify_and_open(package, trust).ok()) << "byte " << at;
    package[at] ^= 0xFF;
  }
}

TEST_F(Packages, TruncationAnywhereAndAnythingBehindIsRefused) {
  for (std::size_t size = 0; size < package.size(); ++size) {
    EXPECT_FALSE(verify_and_open(ByteView(package).first(size), trust).ok()) << size;
    EXPECT_FALSE(open_unverified(ByteView(package).first(size)).ok()) << size;
  }
  package.push_back(0);
  EXPECT_EQ(refusal(package), Code::kCorrupt);
}

TEST_F(Packages, AnUnknownSignerIsNamedAndRefused) {
  const auto opened = verify_and_open(sign(unsigned_package, stranger).value(), trust);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kDenied);
  EXPECT_NE(opened.error().message().find(stranger.public_key().id().substr(0, 16)),
            std::string::npos);
  EXPECT_EQ(refusal(unsigned_package), Code::kDenied) << "not signed at all";
  EXPECT_FALSE(sign(unsigned_package, PrivateKey::generate(KeyType::kP256).value()).ok());
}

TEST_F(Packages, ASignerOfOtherNamesOrAnotherVendorIsRefused) {
  const Bytes other_name = sign(pack(manifest_of(app_yaml("leak")), {}).value(), vendor).value();
  const auto opened = verify_and_open(other_name, trust);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kDenied);
  EXPECT_NE(opened.error().message().find("may not sign packages named \"leak\""),
            std::string::npos);
  const Bytes other_vendor =
      sign(pack(manifest_of(app_yaml("pump-watch", "1.0.0", "rival")), {}).value(), vendor).value();
  EXPECT_EQ(refusal(other_vendor), Code::kDenied);
  trust.signers[0].packages = {"*"};
  EXPECT_TRUE(verify_and_open(other_name, trust).ok());
}

TEST_F(Packages, ARevokedOneIsRefused) {
  trust.revoked_packages = {digest(package)};
  const auto opened = verify_and_open(package, trust);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kDenied);
  EXPECT_NE(opened.error().message().find("revoked"), std::string::npos);
}

TEST_F(Packages, ASignatureFitsOnlyTheNameItWasGivenFor) {
  const ByteView body = ByteView(unsigned_package).subspan(12);
  trust.signers[0].packages = {"*"};
  EXPECT_TRUE(verify_and_open(sign_anything(body, vendor, body.size()), trust).ok());
  EXPECT_EQ(refusal(sign_anything(body, vendor, body.size(), "leak")), Code::kCorrupt);
  EXPECT_EQ(refusal(sign_anything(body, vendor, body.size(), "pump-watch", "1.0.1")),
            Code::kCorrupt);
  EXPECT_EQ(refusal(sign_anything(body, vendor, body.size() + 1)), Code::kCorrupt);
  EXPECT_EQ(refusal(sign_anything(body, vendor, body.size(), "pump-watch", "1.0.0", "container")),
            Code::kUnsupported);
}

TEST_F(Packages, OtherFormsAreCalledSo) {
  package[7] = '2';
  EXPECT_EQ(refusal(package), Code::kUnsupported);
  EXPECT_EQ(refusal(bytes_of("PK\3\4 and so on")), Code::kInvalid);
  EXPECT_EQ(refusal({}), Code::kInvalid);
  EXPECT_EQ(refusal(Bytes(kMaxPackageBytes + 1)), Code::kInvalid);
}

TEST_F(Packages, CanBeLookedAtWithoutTrust) {
  const auto seen = open_unverified(package);
  ASSERT_TRUE(seen.ok()) << seen.error().message();
  EXPECT_EQ(seen->signer_key_id, vendor.public_key().id().substr(0, 16));
  EXPECT_EQ(seen->digest, digest(package));
  EXPECT_EQ(open_unverified(unsigned_package)->signer_key_id, "");
}

TEST_F(Packages, NamesThatLeaveTheFolderAreNeverPacked) {
  for (const char* name : {"", "/etc/passwd", "../x", "a/../b", "a/..", "..", ".", "./a", "a//b",
                           "a/", "app.yaml", "a\\b", "a b", "a\nb", "ü", "C:x"}) {
    const auto packed = pack(manifest_of(app_yaml()), {{name, {}}});
    ASSERT_FALSE(packed.ok()) << name;
    EXPECT_EQ(packed.error().code(), Code::kInvalid);
  }
  EXPECT_FALSE(pack(manifest_of(app_yaml()), {{std::string(201, 'a'), {}}}).ok());
  EXPECT_FALSE(pack(manifest_of(app_yaml()), {{"a", {}}, {"a", {1}}}).ok()) << "a name twice";
  EXPECT_TRUE(pack(manifest_of(app_yaml()), {{"...a/.b", {}}}).ok());
}

TEST_F(Packages, TooManyFilesOrBytesAreNeverPacked) {
  std::vector<File> many;
  for (std::size_t i = 0; i < kMaxPackageFiles; ++i) many.push_back({"f" + std::to_string(i), {}});
  const auto full = pack(manifest_of(app_yaml()), many);
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(open_unverified(*full)->files.size(), kMaxPackageFiles);
  many.push_back({"one-more", {}});
  EXPECT_FALSE(pack(manifest_of(app_yaml()), many).ok());
  EXPECT_FALSE(pack(manifest_of(app_yaml()), {{"big", Bytes(kMaxPackageBytes)}}).ok());
}

// --- Bodies under a good signature that are not what pack() writes
// --------------------------------

class Hostile : public Packages {
 protected:
  std::vector<TarEntry> entries = read_tar(ByteView(unsigned_package).subspan(12), 100).value();
  std::vector<std::string> texts;  // what changed entries borrow

  TarEntry& entry(std::string_view start) {
    for (TarEntry& e : entries) {
      if (base::as_text(e.bytes).starts_with(start)) return e;
    }
    ADD_FAILURE() << start;
    return entries[0];
  }
  // Replaces text in the image manifest, and mends the digests and sizes above it.
  void change_image(std::string_view from, std::string_view to) {
    TarEntry& image =
        entry("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest");
    std::string text(base::as_text(image.bytes));
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    text.replace(at, from.size(), to);
    const std::string old_digest = image.name.substr(13);
    const std::string old_size = "\"size\":" + std::to_string(image.bytes.size());
    texts.reserve(10);
    texts.push_back(text);
    image.bytes = base::as_bytes(texts.back());
    const std::string new_digest = crypto::sha256_hex(image.bytes);
    image.name = "blobs/sha256/" + new_digest;
    std::string index(base::as_text(entries[1].bytes));
    index.replace(index.find(old_digest), 64, new_digest);
    index.replace(index.find(old_size), old_size.size(), "\"size\":" + std::to_string(text.size()));
    texts.push_back(index);
    entries[1].bytes = base::as_bytes(texts.back());
    std::sort(entries.begin() + 2, entries.end(),
              [](const TarEntry& a, const TarEntry& b) { return a.name < b.name; });
  }
  Code refused() { return hostile(write_tar(entries)); }
};

TEST_F(Hostile, TheseTestsStartFromAGoodOne) {
  const Bytes body = write_tar(entries);
  EXPECT_TRUE(verify_and_open(sign_anything(body, vendor, body.size()), trust).ok());
}

TEST_F(Hostile, AFileThatWouldLandOutsideIsRefused) {
  change_image("models/a.bin", "../../../../etc/cron.d/x");
  EXPECT_EQ(refused(), Code::kInvalid);
}

TEST_F(Hostile, AnAbsoluteNameIsRefused) {
  change_image("models/a.bin", "/etc/passwd");
  EXPECT_EQ(refused(), Code::kInvalid);
}

TEST_F(Hostile, AFileMissingOrTooMuchIsRefused) {
  const std::vector<TarEntry> good = entries;
  for (std::size_t i = 0; i < good.size(); ++i) {
    entries = good;
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(refused(), Code::kCorrupt) << good[i].name;
    entries = good;
    entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(i), good[i]);
    EXPECT_EQ(refused(), Code::kCorrupt) << good[i].name << " twice";
  }
  entries = good;
  entries.push_back({"../escape", good[0].bytes});
  EXPECT_EQ(refused(), Code::kCorrupt);
}

TEST_F(Hostile, ABlobThatIsNotItsDigestIsRefused) {
  entry("first").bytes = base::as_bytes("fIrst");
  EXPECT_EQ(refused(), Code::kCorrupt);
}

TEST_F(Hostile, ASizeThatIsNotTheBlobsIsRefused) {
  change_image("\"size\":5,", "\"size\":4,");
  EXPECT_EQ(refused(), Code::kCorrupt);
}

TEST_F(Hostile, JsonThatIsNoneOrOfAnotherShapeIsRefused) {
  for (const char* text :
       {"", "{", "[]", "{}", "null", "{\"manifests\":[]}", "{\"manifests\":{\"0\":1}}",
        "{\"manifests\":[{\"digest\":5}]}", "{\"manifests\":[{\"digest\":\"md5:x\"}]}",
        "{\"manifests\":[{\"digest\":\"sha256:../oci-layout\"}]}"}) {
    entries[1].bytes = base::as_bytes(text);
    EXPECT_EQ(refused(), Code::kCorrupt) << text;
  }
  const std::string deep(900'000, '[');
  entries[1].bytes = base::as_bytes(deep);
  EXPECT_EQ(refused(), Code::kCorrupt);
}

TEST_F(Hostile, OneBlobUnderAThousandNamesDoesNotGrow) {
  // 1 MiB stored once, named 100 times: 100 MiB once unpacked.
  const Bytes big(1 << 20, 7);
  std::vector<File> named;
  for (int i = 0; i < 60; ++i) named.push_back({"f" + std::to_string(i), big});
  const auto within = pack(manifest_of(app_yaml()), named);
  ASSERT_TRUE(within.ok());
  EXPECT_LT(within->size(), 2u << 20);
  for (int i = 60; i < 100; ++i) named.push_back({"f" + std::to_string(i), big});
  EXPECT_FALSE(pack(manifest_of(app_yaml()), named).ok());

  entries = read_tar(ByteView(*within).subspan(12), 100).value();
  const std::string layer =
      "{\"mediaType\":\"application/octet-stream\",\"digest\":\"sha256:" + crypto::sha256_hex(big) +
      "\",\"size\":1048576,\"annotations\":{\"org.opencontainers.image.title\":\"";
  std::string more;
  for (int i = 100; i < 140; ++i) more += layer + "x" + std::to_string(i) + "\"}},";
  change_image("\"layers\":[", "\"layers\":[" + more);
  const Bytes body = write_tar(entries);
  const auto opened = verify_and_open(sign_anything(body, vendor, body.size()), trust);
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message().find("together at most 64 MiB"), std::string::npos)
      << opened.error().message();
}

TEST_F(Hostile, ATarHeaderWithAGiantSizeIsRefused) {
  Bytes body = write_tar(entries);
  for (std::size_t i = 124; i < 135; ++i) body[i] = '7';
  EXPECT_EQ(hostile(body), Code::kCorrupt);
}

TEST_F(Hostile, EveryFlippedBitOfTheBodyUnderAGoodSignatureIsRefused) {
  Bytes body = write_tar(entries);
  for (std::size_t bit = 0; bit < body.size() * 8; ++bit) {
    body[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    ASSERT_FALSE(read_body(body).ok()) << "bit " << bit;
    body[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
  for (std::size_t size = 0; size < body.size(); ++size) {
    ASSERT_FALSE(read_body(ByteView(body).first(size)).ok()) << size;
  }
}

}  // namespace
}  // namespace lander::package
