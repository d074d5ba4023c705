#include <algorithm>
#include <cmath>
#include <optional>

#include "os/files.h"
#include "source/candidates.h"
#include "source/drivers.h"
#include "source/runner.h"
#include "source/topic_table.h"
#include "table/csv.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::uint64_t kMaxFileBytes = 256u << 20;  // the file is held in memory
constexpr std::size_t kMaxBatch = 4096;
constexpr base::DurationUs kRowInterval = base::kSecond;  // of a file without times
constexpr base::DurationUs kForever = base::kDay * 36500;

// Plays a recording as if its first row were measured at the start. At speed N the whole recording
// is N times as fast, its times included, so that no observation lies in the future. At speed 0 the
// recorded times are kept, and the sink's pace is the pace.
class ReplaySource final : public Source {
 public:
  ReplaySource(Config config, os::Clock& clock) : config_(std::move(config)), runner_(clock) {}
  ~ReplaySource() override { runner_.stop(); }

  Status start(std::vector<Bound> bound, Sink& sink) override {
    LANDER_ASSIGN(base::Bytes bytes, os::system_files().read(config_.address, kMaxFileBytes));
    auto reader = table::CsvReader::make(std::string(base::as_text(bytes)));
    if (!reader.ok()) return reader.error().context(config_.address);
    reader_ = std::move(*reader);
    auto time_column = table::find_time_column(*reader_, config_.time_column);
    if (!time_column.ok()) return time_column.error().context(config_.address);
    time_column_ = *time_column;
    seen_.assign(reader_->columns().size(), false);
    for (const Bound& one : bound) {
      const std::string& name = one.datastream.binding.address;
      const auto column = reader_->column(name);
      if (!column) return no_column(one.datastream.id, name);
      if (one.datastream.kind > sensing::Kind::kText)
        return Error(Code::kInvalid, "datastream " + one.datastream.id + ": a CSV file holds no " +
                                         std::string(to_string(one.datastream.kind)) + "s");
      LANDER_ASSIGN(Converter converter, Converter::make(one));
      members_.push_back({*column, std::move(converter)});
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
    std::size_t column;
    Converter converter;
  };

  Error no_column(const std::string& datastream, const std::string& name) const {
    std::string known;
    for (const std::string& column : reader_->columns()) {
      if (known.size() > 300) break;
      known += (known.empty() ? "" : ", ") + column;
    }
    return Error(Code::kInvalid, "datastream " + datastream + ": " + config_.address +
                                     " has no column \"" + name + "\"; it has " + known);
  }

  void work(Sink& sink) {
    runner_.board().state(Health::State::kConnected, "replaying " + config_.address);
    started_wall_ = runner_.clock().wall_us();
    started_ = runner_.clock().monotonic_us();
    std::uint64_t laps = 0;
    do {
      play(sink);
      ++laps;
      reader_->rewind();
    } while (config_.loop && rows_ > 0 && !runner_.stopping());
    if (runner_.stopping()) return;
    runner_.board().state(
        Health::State::kDisconnected,
        "the end of " + config_.address + " after " + std::to_string(rows_) + " rows");
  }

  // One lap. `lap_offset_` is where in the played time it begins.
  void play(Sink& sink) {
    std::vector<std::string_view> cells;
    std::optional<base::TimeUs> first, last;
    base::DurationUs step = kRowInterval;
    while (!runner_.stopping() && reader_->next(cells)) {
      auto recorded = time_of(cells, last);
      if (!recorded.ok()) {
        runner_.board().malformed(1, where() + recorded.error().message());
        continue;
      }
      if (!first) first = *recorded;
      if (last && *recorded > *last) step = *recorded - *last;
      last = *recorded;
      base::TimeUs time = *recorded;
      if (config_.speed > 0) {
        const auto played = lap_offset_ + static_cast<base::DurationUs>(std::llround(
                                              static_cast<double>(time - *first) / config_.speed));
        time = started_wall_ + played;
        if (started_ + played > runner_.clock().monotonic_us()) {
          flush(sink);
          runner_.sleep_until(started_ + played);
        }
      }
      add_row(cells, time);
      if (batch_.size() >= kMaxBatch) flush(sink);
    }
    flush(sink);
    if (first && config_.speed > 0)
      lap_offset_ += static_cast<base::DurationUs>(
          std::llround(static_cast<double>(*last - *first + step) / config_.speed));
  }

  Result<base::TimeUs> time_of(const std::vector<std::string_view>& cells,
                               std::optional<base::TimeUs> last) const {
    if (!time_column_) return last ? *last + kRowInterval : started_wall_;
    if (*time_column_ >= cells.size()) return Error(Code::kInvalid, "the row has no time");
    return parse_phenomenon_time(Raw(cells[*time_column_]));
  }

  void add_row(const std::vector<std::string_view>& cells, base::TimeUs time) {
    ++rows_;
    runner_.board().received();
    for (const Member& member : members_) {
      if (member.column >= cells.size() || cells[member.column].empty()) continue;  // missing
      auto observation = member.converter.value(Raw(cells[member.column]), time);
      if (observation.ok()) {
        batch_.push_back(std::move(*observation));
      } else {
        runner_.board().malformed(1, where() + "column " + reader_->columns()[member.column] +
                                         ": " + observation.error().message());
      }
    }
    offer_columns(cells);
  }

  // Examples are renewed once a second, but a column that was empty at first is not missed.
  void offer_columns(const std::vector<std::string_view>& cells) {
    const bool renew = candidates_.count("", runner_.clock().monotonic_us());
    const std::size_t columns = reader_->columns().size();
    for (std::size_t i = 0; i < std::min(cells.size(), columns); ++i) {
      if (i == time_column_ || cells[i].empty() || (!renew && seen_[i])) continue;
      candidates_.example("", reader_->columns()[i], number_or_text(cells[i]));
      seen_[i] = true;
    }
  }

  static Raw number_or_text(std::string_view cell) {
    const auto number = parse_number(cell);
    return number ? Raw(*number) : Raw(cell);
  }

  void flush(Sink& sink) {
    if (!batch_.empty()) runner_.offer(sink, batch_, kForever);
    batch_.clear();
  }

  std::string where() const {
    return config_.address + " line " + std::to_string(reader_->line()) + ": ";
  }

  const Config config_;
  std::optional<table::CsvReader> reader_;
  std::optional<std::size_t> time_column_;
  std::vector<Member> members_;
  std::vector<Bound> bound_;
  std::vector<sensing::Observation> batch_;
  std::uint64_t rows_ = 0;
  base::TimeUs started_wall_ = 0;
  base::DurationUs started_ = 0, lap_offset_ = 0;
  CandidateTable candidates_;
  std::vector<bool> seen_;  // columns that were offered
  Runner runner_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_replay_source(const Config& config, os::Clock& clock) {
  if (config.address.empty())
    return Error(Code::kInvalid, "address: expected the path of a CSV file");
  if (!(config.speed >= 0) || config.speed > 1e6)
    return Error(Code::kInvalid, "speed: expected 0 to 1000000");
  if (config.loop && config.speed == 0)
    return Error(Code::kInvalid, "loop needs a speed above 0: recorded times would come again");
  return std::unique_ptr<Source>(std::make_unique<ReplaySource>(config, clock));
}

}  // namespace lander::source
