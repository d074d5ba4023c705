#include <algorithm>

#include "os/proc.h"
#include "source/candidates.h"
#include "source/drivers.h"
#include "source/runner.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr base::DurationUs kLookInterval = 10 * base::kSecond;  // for candidates only

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

struct Meter {
  std::string_view name;
  Result<double> (*read)(const std::string& folder);
};

Result<double> load(double os::HostLoad::*member) {
  auto all = os::host_load();
  if (!all.ok()) return all.error();
  return (*all).*member;
}

// Units: load in tasks ("1"), memory_used and disk_used in "%", temperature in "Cel", uptime in
// "s".
constexpr Meter kMeters[] = {
    {"load1", [](const std::string&) { return load(&os::HostLoad::one_minute); }},
    {"load5", [](const std::string&) { return load(&os::HostLoad::five_minutes); }},
    {"load15", [](const std::string&) { return load(&os::HostLoad::fifteen_minutes); }},
    {"memory_used",
     [](const std::string&) -> Result<double> {
       auto memory = os::host_memory();
       if (!memory.ok()) return memory.error();
       return 100 - percent(memory->available_bytes, memory->total_bytes);
     }},
    {"disk_used",
     [](const std::string& folder) -> Result<double> {
       auto space = os::disk_space(folder);
       if (!space.ok()) return space.error();
       return 100 - percent(space->free_bytes, space->total_bytes);
     }},
    {"temperature", [](const std::string&) { return os::host_temperature_c(); }},
    {"uptime", [](const std::string&) { return os::host_uptime_s(); }},
};

// What the machine the site runs on says of itself.
class HostSource final : public Source {
 public:
  HostSource(Config config, os::Clock& clock) : config_(std::move(config)), runner_(clock) {}
  ~HostSource() override { runner_.stop(); }

  Status start(std::vector<Bound> bound, Sink& sink) override {
    for (const Bound& one : bound) {
      const std::string& name = one.datastream.binding.address;
      const auto meter = std::find_if(std::begin(kMeters), std::end(kMeters),
                                      [&](const Meter& known) { return known.name == name; });
      if (meter == std::end(kMeters))
        return Error(Code::kInvalid, "datastream " + one.datastream.id + ": the host has no \"" +
                                         name +
                                         "\"; it has load1, load5, "
                                         "load15, memory_used, disk_used, temperature, uptime");
      if (!sensing::is_numeric(one.datastream.kind))
        return Error(Code::kInvalid, "datastream " + one.datastream.id +
                                         ": the host gives numbers, no " +
                                         std::string(to_string(one.datastream.kind)));
      LANDER_ASSIGN(Converter converter, Converter::make(one));
      members_.push_back({meter, std::move(converter),
                          std::max(one.datastream.binding.interval, config_.poll_interval)});
    }
    bound_ = std::move(bound);
    runner_.run([this, &sink] { work(sink); });
    return {};
  }

  std::vector<Candidate> candidates() const override {
    return candidates_.list(config_.id, bound_, runner_.clock().monotonic_us());
  }
  Health health() const override { return runner_.board().health(); }

 private:
  struct Member {
    const Meter* meter;
    Converter converter;
    base::DurationUs interval;
    base::DurationUs due = 0;
    bool lost = false;
    std::string problem;
  };

  void work(Sink& sink) {
    base::DurationUs look_due = 0;
    while (!runner_.stopping()) {
      const base::DurationUs now = runner_.clock().monotonic_us();
      base::DurationUs next = std::max(look_due, now);
      if (look_due <= now) {
        look();
        next = look_due = now + kLookInterval;
      }
      std::vector<sensing::Observation> observations;
      for (Member& member : members_) {
        if (member.due <= now) {
          read(member, observations);
          member.due = std::max(member.due + member.interval, now + member.interval / 2);
        }
        next = std::min(next, member.due);
      }
      runner_.offer(sink, observations, base::kSecond);
      report();
      runner_.sleep_until(next);
    }
  }

  void read(Member& member, std::vector<sensing::Observation>& out) {
    const base::TimeUs time = runner_.clock().wall_us();
    auto value = member.meter->read(folder());
    runner_.board().received();
    member.problem = value.ok() ? "" : value.error().message();
    if (value.ok()) {
      auto observation = member.converter.value(Raw(*value), time);
      if (observation.ok()) {
        out.push_back(std::move(*observation));
        member.lost = false;
      } else {
        runner_.board().malformed(
            1, std::string(member.meter->name) + ": " + observation.error().message());
      }
    } else if (!std::exchange(member.lost, true)) {
      out.push_back(member.converter.lost(time));
    }
  }

  void look() {
    for (const Meter& meter : kMeters) {
      auto value = meter.read(folder());
      if (!value.ok()) continue;
      candidates_.count(meter.name, runner_.clock().monotonic_us());
      candidates_.example(meter.name, meter.name, Raw(*value));
    }
  }

  void report() {
    const auto failing = std::find_if(members_.begin(), members_.end(),
                                      [](const Member& member) { return !member.problem.empty(); });
    if (failing == members_.end()) {
      runner_.board().state(Health::State::kConnected, "reading this machine");
    } else {
      runner_.board().state(Health::State::kDegraded,
                            std::string(failing->meter->name) + ": " + failing->problem);
    }
  }

  std::string folder() const { return config_.address.empty() ? "/" : config_.address; }

  const Config config_;
  std::vector<Member> members_;
  std::vector<Bound> bound_;
  CandidateTable candidates_;
  Runner runner_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_host_source(const Config& config, os::Clock& clock) {
  if (config.poll_interval < 10 * base::kMillisecond)
    return Error(Code::kInvalid, "poll_interval: expected at least 10ms");
  return std::unique_ptr<Source>(std::make_unique<HostSource>(config, clock));
}

}  // namespace lander::source
