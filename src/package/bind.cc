#include <algorithm>

#include "base/suggest.h"
#include "package/package.h"
#include "sensing/unit.h"

namespace lander::package {
namespace {

using base::Code;
using base::Error;
using sensing::Datastream;

// "line1/pump-1" ends in "pump-1" but not in "1": whole parts only.
bool ends_in(std::string_view asset, std::string_view suffix) {
  if (suffix.empty()) return true;
  return asset == suffix || (asset.size() > suffix.size() && asset.ends_with(suffix) &&
                             asset[asset.size() - suffix.size() - 1] == '/');
}

bool fits(const PortNeed& port, const Datastream& datastream) {
  return datastream.property == port.property && sensing::is_numeric(datastream.kind) &&
         ends_in(datastream.asset, port.asset) &&
         sensing::conversion(datastream.unit, port.unit).ok();
}

std::string described(const PortNeed& port) {
  return "port " + base::quoted(port.name) + " (" + port.property + " in " + port.unit +
         (port.asset.empty() ? "" : " of " + port.asset) + ")";
}

std::string described(const Datastream& datastream) {
  return datastream.id + " (" + datastream.property + " in " + datastream.unit + " of " +
         datastream.asset + ")";
}

base::Result<PortBinding> bind_pinned(const PortNeed& port, const std::string& id,
                                      const std::vector<Datastream>& datastreams) {
  const auto found = std::find_if(datastreams.begin(), datastreams.end(),
                                  [&](const Datastream& d) { return d.id == id; });
  if (found == datastreams.end()) {
    return Error(Code::kNotFound, described(port) + " is pinned to " + base::quoted(id) +
                                      ", which is no datastream of this site");
  }
  if (!sensing::is_numeric(found->kind)) {
    return Error(Code::kInvalid,
                 described(port) + " is pinned to " + base::quoted(id) + ", which is of kind " +
                     std::string(sensing::to_string(found->kind)) + ": expected numbers");
  }
  const auto conversion = sensing::conversion(found->unit, port.unit);
  if (!conversion.ok()) {
    return conversion.error().context(described(port) + " is pinned to " + described(*found));
  }
  return PortBinding{port.name, id};
}

// What nearly fitted: a hint for who wonders why nothing did.
std::string near_misses(const PortNeed& port, const std::vector<Datastream>& datastreams) {
  std::string out;
  for (const Datastream& datastream : datastreams) {
    if (datastream.property != port.property || out.size() > 400) continue;
    out.append(out.empty() ? "; of another asset or unit: " : ", ").append(described(datastream));
  }
  return out.empty() ? "; no datastream has this property" : out;
}

base::Result<PortBinding> bind_by_meaning(const PortNeed& port,
                                          const std::vector<Datastream>& datastreams) {
  std::vector<const Datastream*> found;
  for (const Datastream& datastream : datastreams) {
    if (fits(port, datastream)) found.push_back(&datastream);
  }
  if (found.size() == 1) return PortBinding{port.name, found[0]->id};
  if (found.empty()) {
    return Error(Code::kNotFound,
                 described(port) + " fits no datastream" + near_misses(port, datastreams));
  }
  std::string candidates;
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(found.size(), kShown); ++i) {
    candidates.append(i == 0 ? "" : ", ").append(described(*found[i]));
  }
  if (found.size() > kShown) {
    candidates += " and " + std::to_string(found.size() - kShown) + " more";
  }
  return Error(Code::kConflict, described(port) + " fits " + std::to_string(found.size()) +
                                    " datastreams: " + candidates +
                                    "; name the asset in the port or pin one");
}

}  // namespace

base::Result<std::vector<PortBinding>> bind(const std::vector<PortNeed>& ports,
                                            const std::vector<Datastream>& datastreams,
                                            const std::vector<PortBinding>& pinned) {
  std::vector<PortBinding> out;
  std::optional<Error> failed;
  const auto fail = [&failed](const Error& error) {
    failed = failed ? Error(failed->code(), failed->message() + "; " + error.message()) : error;
  };
  for (const PortBinding& pin : pinned) {
    const bool known = std::any_of(ports.begin(), ports.end(),
                                   [&](const PortNeed& port) { return port.name == pin.port; });
    if (!known) {
      fail(Error(Code::kInvalid, "the app has no port " + base::quoted(pin.port) + " to pin"));
    }
  }
  for (const PortNeed& port : ports) {
    const auto pin = std::find_if(pinned.begin(), pinned.end(),
                                  [&](const PortBinding& p) { return p.port == port.name; });
    auto bound = pin == pinned.end() ? bind_by_meaning(port, datastreams)
                                     : bind_pinned(port, pin->datastream, datastreams);
    if (bound.ok()) {
      out.push_back(std::move(bound).value());
    } else {
      fail(bound.error());
    }
  }
  if (failed) return *failed;
  return out;
}

}  // namespace lander::package
