#include "cli/export.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

#include "os/new_file.h"
#include "sensing/value.h"

namespace lander::cli {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;
using sensing::Kind;

constexpr std::size_t kBlockRows = 8192;
constexpr std::size_t kBlockBytes = 8 << 20;  // of texts
constexpr std::size_t kWriteBytes = 1 << 20;
constexpr base::DurationUs kOneSnapshot = 10 * base::kSecond;
constexpr base::DurationUs kShowEvery = 200 * base::kMillisecond;

// What a table has no column for, as JSON.
std::string text_of_value(const sensing::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  Json out;
  if (const auto* waveform = std::get_if<std::shared_ptr<const sensing::Waveform>>(&value)) {
    out = {{"rate_hz", (*waveform)->rate_hz}, {"samples", (*waveform)->samples}};
  } else if (const auto* object = std::get_if<std::shared_ptr<const sensing::Object>>(&value)) {
    out = {{"sha256", base::to_hex((*object)->sha256)},
           {"bytes", (*object)->bytes},
           {"media_type", (*object)->media_type}};
  } else if (const auto* interval = std::get_if<std::shared_ptr<const sensing::Interval>>(&value)) {
    out = {{"duration_s", static_cast<double>((*interval)->duration) / base::kSecond},
           {"label", (*interval)->label}};
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append(sensing::Block& rows, const sensing::Observation& observation) {
  rows.times.push_back(observation.time);
  rows.qualities.push_back(observation.quality);
  if (const auto* number = std::get_if<double>(&observation.value)) {
    rows.numbers.push_back(*number);
  } else if (const auto* integer = std::get_if<std::int64_t>(&observation.value)) {
    rows.integers.push_back(*integer);
  } else if (const auto* boolean = std::get_if<bool>(&observation.value)) {
    rows.booleans.push_back(*boolean);
  } else {
    rows.strings.push_back(text_of_value(observation.value));
  }
}

class CsvFile final : public ObservationFile {
 public:
  explicit CsvFile(os::NewFile& file) : file_(file) {
    text_ = "datastream,revision,asset,property,unit,time,time_error_us,value,quality\n";
  }
  Status add(const sensing::Datastream& of, base::DurationUs error, sensing::Block rows) override {
    const std::string context = csv_field(of.id) + "," + std::to_string(of.revision) + "," +
                                csv_field(of.asset) + "," + csv_field(of.property) + "," +
                                csv_field(of.unit) + ",";
    const std::string error_text = error == INT64_MAX ? "" : std::to_string(error);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      text_ += context;
      text_ += base::to_rfc3339(rows.times[i]);
      text_ += ',';
      text_ += error_text;
      text_ += ',';
      put_value(rows, i);
      text_ += ',';
      text_ += sensing::to_string(rows.qualities[i]);
      text_ += '\n';
      if (text_.size() >= kWriteBytes) LANDER_TRY(write());
    }
    return {};
  }
  Status finish() override { return write(); }

 private:
  void put_value(const sensing::Block& rows, std::size_t i) {
    switch (rows.kind) {
      case Kind::kNumber: {
        char text[32];  // the shortest that reads back to the same bits
        text_.append(text, std::to_chars(text, text + sizeof text, rows.numbers[i]).ptr);
        break;
      }
      case Kind::kInteger:
        text_ += std::to_string(rows.integers[i]);
        break;
      case Kind::kBoolean:
        text_ += rows.booleans[i] ? "true" : "false";
        break;
      default:
        text_ += csv_field(rows.strings[i]);
    }
  }
  Status write() {
    LANDER_TRY(file_.append(base::as_bytes(text_)));
    text_.clear();
    return {};
  }
  os::NewFile& file_;
  std::string text_;
};

// One datastream at a time into the file.
class Exporter {
 public:
  Exporter(Session& session, const ExportOrder& order, ObservationFile& file)
      : session_(session), order_(order), file_(file), progress_(session) {}

  Result<Exported> run() {
    LANDER_TRY(look());
    LANDER_ASSIGN(const std::vector<sensing::SeriesKey> keys, chosen());
    for (std::size_t i = 0; i < keys.size(); ++i) {
      // A snapshot that is kept for long would make a running site's log grow.
      if (session_.world.clock.monotonic_us() - since_ > kOneSnapshot) LANDER_TRY(look());
      LANDER_TRY(series(keys[i]));
      progress_.show(static_cast<double>(i + 1) / static_cast<double>(keys.size()), so_far());
    }
    return std::move(out_);
  }

 private:
  Status look() {
    LANDER_ASSIGN(const auto options, database_of(session_, order_.database));
    store_.reset();
    LANDER_ASSIGN(store_, store::Store::open_snapshot(options));
    since_ = session_.world.clock.monotonic_us();
    return {};
  }
  std::string so_far() const {
    return plural(static_cast<std::int64_t>(out_.observations), "observation", "observations");
  }

  Result<std::vector<sensing::SeriesKey>> chosen() {
    std::vector<sensing::SeriesKey> keys;
    std::vector<std::string> known;
    for (const auto& [key, d] : store_->datastreams()) {
      if (known.empty() || known.back() != d.id) known.push_back(d.id);
      const bool named = std::find(order_.datastreams.begin(), order_.datastreams.end(), d.id) !=
                         order_.datastreams.end();
      const bool meant = !order_.meaning.empty() && (d.property == order_.meaning ||
                                                     d.property.starts_with(order_.meaning + "-"));
      const bool all = order_.datastreams.empty() && order_.meaning.empty();
      if (named || meant || all) keys.push_back(key);
    }
    for (const std::string& id : order_.datastreams) {
      if (store_->keys(id).empty()) {
        return Error(Code::kNotFound, "no datastream \"" + id + "\" in this store" +
                                          (known.empty() ? "" : "; there are " + names(known)));
      }
    }
    if (keys.empty() && !order_.meaning.empty()) {
      return Error(Code::kNotFound, "no datastream measures \"" + order_.meaning + "\"");
    }
    return keys;
  }
  static std::string names(const std::vector<std::string>& known) {
    constexpr std::size_t kNamed = 10;
    const std::size_t count = std::min(known.size(), kNamed);
    return joined(std::span(known).first(count), ", ") + (known.size() > kNamed ? ", .." : "");
  }

  Status series(sensing::SeriesKey key) {
    const auto context = store_->datastream(key);
    LANDER_CHECK(context.has_value());
    sensing::Block rows;
    rows.kind = std::min(context->kind, Kind::kText);
    base::DurationUs error = 0;
    std::size_t bytes = 0;
    Status written;
    bool any = false;
    const auto flush = [&] {
      out_.observations += rows.size();
      if (rows.size() > 0) written = file_.add(*context, error, std::move(rows));
      rows = sensing::Block();
      rows.kind = std::min(context->kind, Kind::kText);
      bytes = 0;
    };
    auto gaps = store_->read(key, order_.from, order_.to, SIZE_MAX, [&](const store::Sample& s) {
      if (rows.size() >= kBlockRows || bytes > kBlockBytes ||
          (rows.size() > 0 && s.time_error != error)) {
        flush();
        progress_.show(-1, so_far() + ", " + context->id);
      }
      any = true;
      error = s.time_error;
      append(rows, s.observation);
      if (rows.kind == Kind::kText) bytes += rows.strings.back().size();
      return written.ok();
    });
    if (!gaps.ok()) return gaps.error().context(context->id);
    flush();
    out_.datastreams += any;
    for (const store::Gap& gap : *gaps) out_.gaps.push_back({context->id, gap});
    return written;
  }

  Session& session_;
  const ExportOrder& order_;
  ObservationFile& file_;
  Progress progress_;
  std::unique_ptr<const store::Store> store_;
  base::DurationUs since_ = 0;
  Exported out_;
};

}  // namespace

Progress::Progress(Session& session)
    : session_(session), shown_(session.world.err_is_terminal && !session.json) {}

Progress::~Progress() {
  if (any_) session_.world.err("\r\x1b[K");
}

void Progress::show(double share, const std::string& text) {
  if (!shown_) return;
  const base::DurationUs now = session_.world.clock.monotonic_us();
  if (any_ && now < next_) return;
  next_ = now + kShowEvery;
  any_ = true;
  const std::string percent =
      share < 0 ? "" : std::to_string(static_cast<int>(std::floor(100 * share))) + " %, ";
  session_.world.err("\r\x1b[K  " + percent + clean(text));
}

Result<store::Store::Options> database_of(Session& session, const std::string& data) {
  os::Files& files = session.world.files;
  store::Store::Options options;
  options.clock = &session.world.clock;
  options.files = &files;
  options.path = data + "/site.db";
  if (files.exists(options.path)) return options;
  if (files.list(data).ok()) {
    return Error(Code::kNotFound, "there is no store in " + data +
                                      ": --data is the folder that lander-site was given, or the "
                                      "database file itself");
  }
  options.path = data;
  if (files.exists(data)) return options;
  return Error(Code::kNotFound,
               "there is no " + data +
                   ": --data is the folder that lander-site was given, on the machine it runs on");
}

Result<Exported> export_observations(Session& session, const ExportOrder& order) {
  const bool parquet = order.out.ends_with(".parquet");
  if (!parquet && !order.out.ends_with(".csv")) {
    return session.usage(order.out + ": expected a name that ends in .csv or .parquet");
  }
  if (parquet && !session.world.parquet) {
    if (!session.world.become_parquet) {
      return Error(Code::kUnsupported, "this program cannot write Parquet: export to a .csv file");
    }
    return session.world.become_parquet().context(
        "writing Parquet needs the program lander-parquet beside this one; .csv does not");
  }
  LANDER_TRY(database_of(session, order.database));  // before a file is made
  LANDER_ASSIGN(os::NewFile file, os::NewFile::create(order.out));
  std::unique_ptr<ObservationFile> table;
  if (parquet) {
    LANDER_ASSIGN(table, session.world.parquet(file.temporary()));
  } else {
    table = std::make_unique<CsvFile>(file);
  }
  LANDER_ASSIGN(Exported out, Exporter(session, order, *table).run());
  LANDER_TRY(table->finish());
  LANDER_TRY(file.finish());
  if (const auto size = session.world.files.size(order.out); size.ok()) out.bytes = *size;
  return out;
}

}  // namespace lander::cli
