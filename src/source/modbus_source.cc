#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "source/candidates.h"
#include "source/drivers.h"
#include "source/modbus_peer.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr base::DurationUs kAnswerTimeout = base::kSecond;
constexpr base::DurationUs kScanPause = 2 * base::kSecond;  // between two reads for candidates
constexpr base::DurationUs kScanAgain = base::kMinute;      // between two rounds
constexpr int kScanRegisters = 16;                          // of one such read

// Polls one device. A read that fails waits longer each time, so that a unit that is silent does
// not take the time of those that answer.
class ModbusSource final : public Source {
 public:
  ModbusSource(Config config, Endpoint endpoint, std::vector<ModbusRange> scan, os::Clock& clock)
      : config_(std::move(config)),
        endpoint_(std::move(endpoint)),
        scan_(std::move(scan)),
        runner_(clock) {}
  ~ModbusSource() override { runner_.stop(); }

  Status start(std::vector<Bound> bound, Sink& sink) override {
    std::vector<ModbusWish> wishes;
    for (const Bound& one : bound) {
      const sensing::Binding& binding = one.datastream.binding;
      auto address = parse_modbus_address(binding.address);
      if (!address.ok()) return address.error().context("datastream " + one.datastream.id);
      if (!sensing::is_numeric(one.datastream.kind))
        return Error(Code::kInvalid, "datastream " + one.datastream.id +
                                         ": Modbus registers hold no " +
                                         std::string(to_string(one.datastream.kind)));
      LANDER_ASSIGN(Converter converter, Converter::make(one));
      members_.push_back({*address, std::move(converter)});
      wishes.push_back({*address, std::max(binding.interval, config_.poll_interval)});
    }
    for (ModbusRead& read : plan_reads(wishes)) polls_.push_back({std::move(read)});
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
    ModbusAddress address;
    Converter converter;
    bool lost = false;  // told to the sink
  };
  struct Poll {
    ModbusRead read;
    base::DurationUs due = 0;
    int failures = 0;  // in a row
    std::string problem;
  };

  base::DurationUs now() { return runner_.clock().monotonic_us(); }

  void work(Sink& sink) {
    Backoff backoff(500 * base::kMillisecond, 30 * base::kSecond,
                    seed_of(config_.id) ^ static_cast<std::uint64_t>(now()));
    while (!runner_.stopping()) {
      std::string reason;
      auto peer = ModbusPeer::connect(endpoint_, kAnswerTimeout);
      if (peer.ok()) {
        runner_.board().state(Health::State::kConnected, "connected");
        answered_ = false;
        reason = serve(*peer, sink);
        if (answered_) backoff.reset();
      } else {
        reason = peer.error().message();
      }
      if (runner_.stopping()) return;
      for (Poll& poll : polls_) tell_lost(poll, sink);
      const base::DurationUs wait = backoff.next();
      runner_.board().state(Health::State::kDisconnected, reason + "; " + next_try(wait));
      runner_.sleep(wait);
    }
  }

  // Until the connection is lost; says why.
  std::string serve(ModbusPeer& peer, Sink& sink) {
    for (Poll& poll : polls_) poll.due = now();
    scan_due_ = now() + (polls_.empty() ? 0 : kScanPause);
    while (!runner_.stopping()) {
      base::DurationUs next = scan_due_;
      for (std::size_t i = 0; i < polls_.size() && !runner_.stopping(); ++i) {
        if (polls_[i].due <= now()) {
          if (auto lost = poll_one(peer, i, sink)) return *lost;
        }
        next = std::min(next, polls_[i].due);
      }
      if (scan_due_ <= now()) {
        if (auto lost = scan_one(peer)) return *lost;
        next = std::min(next, scan_due_);
      }
      report();
      runner_.sleep_until(next);
    }
    return "stopped";
  }

  // Returns why the connection must be dropped, if it must. May add to polls_.
  std::optional<std::string> poll_one(ModbusPeer& peer, std::size_t index, Sink& sink) {
    auto words = peer.read(polls_[index].read.range);
    Poll& poll = polls_[index];
    if (words.ok()) {
      answered_ = true;
      poll.failures = 0;
      poll.problem.clear();
      poll.due = std::max(poll.due + poll.read.interval, now());
      take(poll, *words, sink);
      return std::nullopt;
    }
    if (words.error().code() == Code::kUnavailable) return words.error().message();
    poll.problem = words.error().message();
    poll.failures = std::min(poll.failures + 1, 6);
    poll.due = now() + std::min(poll.read.interval << poll.failures,
                                std::max(poll.read.interval, 30 * base::kSecond));
    if (words.error().code() == Code::kDenied) {
      answered_ = true;
      if (poll.read.members.size() > 1) {  // one wrong address must not take its neighbours along
        split(index);
        return std::nullopt;
      }
    }
    tell_lost(poll, sink);
    const bool silent =
        std::all_of(polls_.begin(), polls_.end(), [](const Poll& one) { return one.failures > 0; });
    if (silent && words.error().code() == Code::kTimeout) return poll.problem;
    return std::nullopt;
  }

  void split(std::size_t index) {
    const ModbusRead read = polls_[index].read;
    const base::DurationUs due = now() + read.interval;
    for (const std::size_t member : read.members) {
      const ModbusAddress& address = members_[member].address;
      polls_.push_back({{{address.unit, address.table, address.first, address.registers()},
                         read.interval,
                         {member}},
                        due});
    }
    polls_.erase(polls_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void take(const Poll& poll, std::span<const std::uint16_t> words, Sink& sink) {
    const base::TimeUs time = runner_.clock().wall_us();
    std::vector<sensing::Observation> observations;
    for (const std::size_t index : poll.read.members) {
      Member& member = members_[index];
      const auto at = static_cast<std::size_t>(member.address.first - poll.read.range.first);
      const Raw raw = decode_registers(
          member.address, words.subspan(at, static_cast<std::size_t>(member.address.registers())));
      auto observation = member.converter.value(raw, time);
      if (!observation.ok()) {
        const sensing::Datastream& stream = member.converter.bound().datastream;
        runner_.board().malformed(1, "address " + stream.binding.address + ": datastream " +
                                         stream.id + ": " + observation.error().message());
        continue;
      }
      member.lost = false;
      observations.push_back(std::move(*observation));
      candidates_.example(group_of(poll.read.range),
                          member.converter.bound().datastream.binding.address, raw);
    }
    candidates_.count(group_of(poll.read.range), now());
    runner_.board().received();
    runner_.offer(sink, observations, poll.read.interval);
  }

  // Once at the edge; again only after a value came.
  void tell_lost(Poll& poll, Sink& sink) {
    std::vector<sensing::Observation> observations;
    const base::TimeUs time = runner_.clock().wall_us();
    for (const std::size_t index : poll.read.members)
      if (!members_[index].lost) observations.push_back(members_[index].converter.lost(time));
    if (!runner_.offer(sink, observations, kAnswerTimeout)) return;
    for (const std::size_t index : poll.read.members) members_[index].lost = true;
  }

  void report() {
    const auto failing = std::find_if(polls_.begin(), polls_.end(),
                                      [](const Poll& poll) { return poll.failures > 0; });
    if (failing == polls_.end()) {
      runner_.board().state(Health::State::kConnected, "connected");
    } else {
      runner_.board().state(Health::State::kDegraded, config_.address + ": " + failing->problem);
    }
  }

  static std::string group_of(const ModbusRange& range) {
    return std::to_string(range.unit) + "/" + std::string(to_string(range.table)) + "/" +
           std::to_string(range.first);
  }

  // One small read for candidates; the ranges take turns. A device that refuses is left alone for a
  // while: nothing says that it has such registers.
  std::optional<std::string> scan_one(ModbusPeer& peer) {
    scan_due_ = now() + std::max(kScanPause, config_.poll_interval);
    if (scan_.empty()) return std::nullopt;
    ModbusRange range = scan_[scan_range_];
    const int start = scan_at_;
    range.count = std::min(kScanRegisters, range.count - start);
    range.first = static_cast<std::uint16_t>(range.first + start);
    scan_at_ += range.count;
    auto words = peer.read(range);
    if (!words.ok() || scan_at_ >= scan_[scan_range_].count) {
      scan_at_ = 0;
      scan_range_ = (scan_range_ + 1) % scan_.size();
      if (scan_range_ == 0) scan_due_ = now() + kScanAgain;
    }
    if (!words.ok()) {
      if (words.error().code() == Code::kUnavailable) return words.error().message();
      if (words.error().code() == Code::kTimeout && polls_.empty()) return words.error().message();
      return std::nullopt;
    }
    answered_ = true;
    candidates_.count(group_of(range), now());
    offer_registers(range, *words);
    return std::nullopt;
  }

  // Two registers that make a float of a usual size are offered as one, others one by one.
  void offer_registers(const ModbusRange& range, std::span<const std::uint16_t> words) {
    const std::string front =
        std::to_string(range.unit) + "/" + std::string(to_string(range.table)) + "/";
    const bool bits = range.table == ModbusTable::kCoil || range.table == ModbusTable::kDiscrete;
    for (std::size_t i = 0; i < words.size(); ++i) {
      const std::string name = front + std::to_string(range.first + i);
      if (bits) {
        candidates_.example(group_of(range), name, Raw(words[i] != 0));
        continue;
      }
      if (i + 1 < words.size()) {
        const auto value = std::bit_cast<float>(std::uint32_t{words[i]} << 16 | words[i + 1]);
        if (std::fabs(value) > 1e-4f && std::fabs(value) < 1e7f) {
          candidates_.example(group_of(range), name + ":f32", Raw(static_cast<double>(value)));
          ++i;
          continue;
        }
      }
      candidates_.example(group_of(range), name + ":u16", Raw(std::int64_t{words[i]}));
    }
  }

  const Config config_;
  const Endpoint endpoint_;
  const std::vector<ModbusRange> scan_;
  std::vector<Bound> bound_;
  std::vector<Member> members_;
  std::vector<Poll> polls_;
  bool answered_ = false;  // since the last connect
  base::DurationUs scan_due_ = 0;
  std::size_t scan_range_ = 0;
  int scan_at_ = 0;
  CandidateTable candidates_;
  Runner runner_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_modbus_source(const Config& config, os::Clock& clock) {
  auto endpoint = parse_endpoint(config.address);
  if (!endpoint.ok()) return endpoint.error();
  if (config.poll_interval < 10 * base::kMillisecond)
    return Error(Code::kInvalid, "poll_interval: expected at least 10ms");
  std::vector<ModbusRange> scan;
  for (const std::string& text : config.topics) {
    LANDER_ASSIGN(const ModbusRange range, parse_modbus_range(text));
    scan.push_back(range);
  }
  if (scan.empty()) scan = {{1, ModbusTable::kInput, 0, 64}, {1, ModbusTable::kHolding, 0, 64}};
  return std::unique_ptr<Source>(
      std::make_unique<ModbusSource>(config, std::move(*endpoint), std::move(scan), clock));
}

}  // namespace lander::source
