#include <array>

#include "twin/codec.h"
#include "twin/twin.h"

namespace lander::twin {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMaxIdBytes = 256;
constexpr std::size_t kMaxTextBytes = 4096;
constexpr std::size_t kMaxComponents = 4096;

base::Result<Component> read_component(base::CborReader& in) {
  Component out;
  LANDER_TRY(in.array_of(6, "component"));
  LANDER_ASSIGN(out.id, in.text_of(0, kMaxIdBytes));
  LANDER_ASSIGN(out.desired, in.text_of(0, kMaxIdBytes));
  LANDER_ASSIGN(out.running, in.text_of(0, kMaxIdBytes));
  LANDER_ASSIGN(const std::uint8_t status, in.enumerator(5, "a status"));
  out.status = static_cast<Status>(status);
  LANDER_ASSIGN(out.reason, in.text_of(0, kMaxTextBytes));
  LANDER_ASSIGN(out.since, in.integer());
  return out;
}

base::Result<Reported> read_reported(base::CborReader& in) {
  Reported out;
  LANDER_TRY(in.record(6, kFormat, "reported state"));
  LANDER_ASSIGN(out.desired_revision, in.unsigned_integer());
  LANDER_ASSIGN(out.software, in.text_of(0, kMaxIdBytes));
  LANDER_ASSIGN(out.time, in.integer());
  LANDER_ASSIGN(const std::uint64_t components, in.array_up_to(kMaxComponents, "components"));
  for (std::uint64_t i = 0; i < components; ++i) {
    LANDER_ASSIGN(Component component, read_component(in));
    out.components.push_back(std::move(component));
  }
  LANDER_ASSIGN(const base::CborType type, in.peek());
  if (type == base::CborType::kNull) {
    LANDER_TRY(in.null());
  } else {
    LANDER_ASSIGN(const base::ByteView document, in.bytes());
    out.site_desired.emplace(document.begin(), document.end());
  }
  LANDER_TRY(in.end());
  return out;
}

}  // namespace

std::string_view to_string(Status status) {
  constexpr std::array<std::string_view, 5> kNames = {"applied", "pending", "refused", "failed",
                                                      "rolled-back"};
  return kNames[static_cast<std::size_t>(status)];
}

std::string app_label(std::string_view version, std::string_view digest) {
  return std::string(version) + " sha256:" + std::string(digest.substr(0, 12));
}

base::Bytes encode(const Reported& reported) {
  base::CborWriter out;
  out.array(6).unsigned_integer(kFormat).unsigned_integer(reported.desired_revision);
  out.text(cut(reported.software, kMaxIdBytes)).integer(reported.time);
  out.array(reported.components.size());
  for (const Component& c : reported.components) {
    out.array(6).text(cut(c.id, kMaxIdBytes)).text(cut(c.desired, kMaxIdBytes));
    out.text(cut(c.running, kMaxIdBytes)).unsigned_integer(static_cast<std::uint64_t>(c.status));
    out.text(cut(c.reason, kMaxTextBytes)).integer(c.since);  // a reason may quote half a file
  }
  if (reported.site_desired) {
    out.bytes(*reported.site_desired);
  } else {
    out.null();
  }
  return out.take();
}

base::Result<Reported> decode_reported(base::ByteView bytes) {
  base::CborReader in(bytes);
  auto out = read_reported(in);
  if (!out.ok()) return out.error().context("reported state");
  return out;
}

}  // namespace lander::twin
