#include <algorithm>

#include "base/cbor.h"
#include "fleet/fleet.h"

namespace lander::fleet {
namespace {

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::size_t kMaxReasonBytes = 65536;

base::Error invalid(const Rollout& rollout, const std::string& what) {
  return {base::Code::kInvalid, "rollout " + rollout.id + ": " + what};
}

base::Result<std::uint32_t> read_u32(base::CborReader& in) {
  LANDER_ASSIGN(const std::uint64_t number, in.unsigned_integer());
  if (number > UINT32_MAX) return in.corrupt("a number of 32 bits");
  return static_cast<std::uint32_t>(number);
}

base::Status read_phases(base::CborReader& in, Rollout& out) {
  LANDER_ASSIGN(const std::uint64_t phases, in.array_up_to(kMaxPhases, "phases"));
  for (std::uint64_t i = 0; i < phases; ++i) {
    LANDER_ASSIGN(const std::uint64_t sites, in.array());
    auto& phase = out.phases.emplace_back();
    for (std::uint64_t k = 0; k < sites; ++k) {
      LANDER_ASSIGN(std::string site, in.text_of(0, kMaxNameBytes));
      phase.push_back(std::move(site));
    }
  }
  return {};
}

base::Status read_sites(base::CborReader& in, Rollout& out) {
  LANDER_ASSIGN(const std::uint64_t sites, in.array());
  for (std::uint64_t i = 0; i < sites; ++i) {
    LANDER_TRY(in.array_of(3, "site"));
    LANDER_ASSIGN(std::string name, in.text_of(0, kMaxNameBytes));
    if (!out.sites.empty() && name <= out.sites.rbegin()->first) {
      return in.corrupt("sites in order");
    }
    Rollout::Site site;
    LANDER_ASSIGN(const std::uint8_t status, in.enumerator(5, "a status"));
    site.status = static_cast<twin::Status>(status);
    LANDER_ASSIGN(site.reason, in.text_of(0, kMaxReasonBytes));
    out.sites.emplace(std::move(name), std::move(site));
  }
  return {};
}

base::Result<Rollout> read_rollout(base::CborReader& in) {
  Rollout out;
  LANDER_TRY(in.record(14, kFormat, "rollout"));
  for (std::string* text :
       {&out.id, &out.tenant, &out.app, &out.version, &out.digest, &out.author}) {
    LANDER_ASSIGN(*text, in.text_of(0, kMaxNameBytes));
  }
  LANDER_ASSIGN(out.created, in.integer());
  LANDER_TRY(read_phases(in, out));
  LANDER_ASSIGN(out.max_failed, read_u32(in));
  LANDER_ASSIGN(const std::uint8_t state, in.enumerator(4, "a state"));
  out.state = static_cast<Rollout::State>(state);
  LANDER_ASSIGN(out.phase, read_u32(in));
  LANDER_ASSIGN(out.reason, in.text_of(0, kMaxReasonBytes));
  LANDER_TRY(read_sites(in, out));
  LANDER_TRY(in.end());
  return out;
}

// A rollout that was started: its phases and its sites are the same names.
base::Status valid_progress(const Rollout& rollout) {
  std::size_t named = 0;
  bool known = rollout.phase < rollout.phases.size();
  for (const auto& phase : rollout.phases) {
    named += phase.size();
    for (const std::string& site : phase) known = known && rollout.sites.contains(site);
  }
  if (known && named == rollout.sites.size()) return {};
  return invalid(rollout, "its phases and its sites do not agree");
}

}  // namespace

base::Status valid(const Rollout& rollout) {
  if (rollout.app.empty() || rollout.version.empty() || rollout.digest.empty()) {
    return invalid(rollout, "expected an app, its version and its package's digest");
  }
  for (const std::string* text : {&rollout.id, &rollout.tenant, &rollout.app, &rollout.version,
                                  &rollout.digest, &rollout.author}) {
    if (text->size() > kMaxNameBytes) return invalid(rollout, "a name is over 256 bytes");
  }
  if (rollout.phases.empty() || rollout.phases.size() > kMaxPhases) {
    return invalid(rollout, "expected 1 to 100 phases");
  }
  std::vector<std::string_view> sites;
  for (const auto& phase : rollout.phases) sites.insert(sites.end(), phase.begin(), phase.end());
  if (sites.size() > kMaxRolloutSites) return invalid(rollout, "expected at most 100000 sites");
  std::sort(sites.begin(), sites.end());
  const auto twice = std::adjacent_find(sites.begin(), sites.end());
  if (twice != sites.end()) {
    return invalid(rollout, "site \"" + std::string(*twice) + "\" is named twice");
  }
  const bool named = std::all_of(sites.begin(), sites.end(), [](std::string_view site) {
    return !site.empty() && site.size() <= kMaxNameBytes;
  });
  if (!named) return invalid(rollout, "a site's name has 1 to 256 bytes");
  return {};
}

base::Bytes encode(const Rollout& rollout) {
  base::CborWriter out;
  out.array(14).unsigned_integer(kFormat).text(rollout.id).text(rollout.tenant).text(rollout.app);
  out.text(rollout.version).text(rollout.digest).text(rollout.author).integer(rollout.created);
  out.array(rollout.phases.size());
  for (const auto& phase : rollout.phases) {
    out.array(phase.size());
    for (const std::string& site : phase) out.text(site);
  }
  out.unsigned_integer(rollout.max_failed);
  out.unsigned_integer(static_cast<std::uint64_t>(rollout.state)).unsigned_integer(rollout.phase);
  out.text(rollout.reason).array(rollout.sites.size());
  for (const auto& [name, site] : rollout.sites) {
    out.array(3).text(name).unsigned_integer(static_cast<std::uint64_t>(site.status));
    out.text(site.reason);
  }
  return out.take();
}

base::Result<Rollout> decode_rollout(base::ByteView bytes) {
  base::CborReader in(bytes);
  auto out = read_rollout(in);
  if (!out.ok()) return out.error().context("rollout");
  LANDER_TRY(valid(*out));
  LANDER_TRY(valid_progress(*out));
  return out;
}

}  // namespace lander::fleet
