#include "lake/rows.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <nlohmann/json.hpp>

namespace lander::lake {
namespace {

using base::Code;
using base::Error;

Error too_far(std::string_view what) {
  return Error(Code::kCorrupt, std::string(what) + " has a time outside the years 1 to 9999");
}

bool in_range(base::TimeUs time) { return time >= kLeastTime && time <= kMostTime; }
base::TimeUs clamped(base::TimeUs time) { return std::clamp(time, kLeastTime, kMostTime); }

void widen(Judged& judged, base::TimeUs from, base::TimeUs to, std::uint64_t rows) {
  judged.from = judged.rows ? std::min(judged.from, from) : from;
  judged.to = judged.rows ? std::max(judged.to, to) : to;
  judged.rows += rows;
}

base::Status judge_blocks(Judged& judged) {
  LANDER_ASSIGN(const auto blocks, link::decode_blocks(judged.item->body));
  for (const auto& one : blocks) {
    auto block = sensing::decode_block(one.block);
    if (!block.ok()) return block.error().context("block of " + one.datastream);
    if (block->kind > sensing::Kind::kText) {  // the tables have no column for it
      return Error(Code::kUnsupported, "block of " + one.datastream + ": the lake keeps no " +
                                           std::string(sensing::to_string(block->kind)) + "s yet");
    }
    if (block->size() == 0) continue;
    const auto from = utc_of(block->times.front(), one.utc_offset);
    const auto to = utc_of(block->times.back(), one.utc_offset);
    if (!from || !to) return too_far("block of " + one.datastream);
    widen(judged, *from, *to, block->size());
  }
  return {};
}

base::Status judge_summaries(Judged& judged) {
  LANDER_ASSIGN(const auto summaries, link::decode_summaries(judged.item->body));
  for (const auto& one : summaries) {
    if (!in_range(one.from)) return too_far("summary of " + one.datastream);
    widen(judged, one.from, one.from, 1);
  }
  return {};
}

base::Status judge_body(Judged& judged) {
  const link::Item& item = *judged.item;
  if (item.type == "blocks") return judge_blocks(judged);
  if (item.type == "summary") return judge_summaries(judged);
  judged.rows = 1;
  if (item.type == "alert-event") {
    LANDER_ASSIGN(const alert::Event event, alert::decode_event(item.body));
    if (!in_range(event.time)) return too_far("alert event " + event.id);
    return {};
  }
  LANDER_ASSIGN(judged.datastream, sensing::decode_datastream(item.body));
  return {};
}

// Rows that are made one by one: everything but observations.
class Lister {
 public:
  Lister(const Context& context, ParquetWriter& out) : context_(context), out_(out) {}

  template <class T, class Key>
  base::Status put_all(std::vector<T>& list, Key key) {
    std::stable_sort(list.begin(), list.end(),
                     [&](const T& a, const T& b) { return key(a) < key(b); });
    for (const T& row : list) {
      std::size_t column = 0;
      emit(row, [&](const Cell& cell) { out_.same(column++, cell); });
      LANDER_TRY(out_.settle(false));
    }
    return {};
  }

 private:
  template <class Put>
  void emit(const Contents::Summed& row, Put put) const {
    const auto& [datastream, revision, from, span, summary] = row.summary;
    const auto known = context_.find({row.site, datastream, revision});
    put(row.site), put(datastream), put(std::int64_t{revision});
    if (known == context_.end()) {
      put({}), put({}), put({});
    } else {
      put(known->second.asset), put(known->second.property), put(known->second.unit);
    }
    put(from), put(span), put(summary.count), put(summary.others);
    if (summary.count == 0) {
      put({}), put({}), put({});
    } else {
      put(summary.least), put(summary.most), put(summary.sum);
    }
  }

  template <class Put>
  void emit(const Contents::Told& row, Put put) const {
    const alert::Event& event = row.event;
    put(row.site), put(event.alert), put(event.id), put(alert::to_string(event.kind));
    put(event.time), put(event.actor), put(event.comment);
    put(event.until ? Cell(clamped(event.until)) : Cell());
    if (const auto& info = event.info) {
      put(info->asset), put(info->title), put(info->detail), put(alert::to_string(info->severity));
      put(info->rule), put(info->model);
      put(std::isnan(info->score) ? Cell() : Cell(info->score));
      put(causes_json(*info)), put(evidence_json(info->evidence));
    } else {
      // A verdict stands where a raise says what was seen.
      const bool judged = event.verdict != alert::Verdict::kNone;
      put({}), put({}), put(judged ? Cell(alert::to_string(event.verdict)) : Cell());
      for (int i = 3; i < 9; ++i) put({});
    }
    put(clamped(row.received));
  }

  template <class Put>
  void emit(const Contents::Declared& row, Put put) const {
    const sensing::Datastream& d = row.datastream;
    const auto optional = [](const std::optional<double>& v) { return v ? Cell(*v) : Cell(); };
    put(row.site), put(d.id), put(std::int64_t{d.revision}), put(clamped(row.recorded));
    put(d.name), put(d.asset), put(d.property), put(d.unit), put(sensing::to_string(d.kind));
    put(d.sensor.name), put(d.sensor.model), put(d.sensor.serial);
    put(d.calibration.scale), put(d.calibration.offset);
    put(d.calibration.date), put(d.calibration.certificate);
    put(d.location ? Cell(d.location->latitude) : Cell());
    put(d.location ? Cell(d.location->longitude) : Cell());
    put(d.location ? Cell(d.location->altitude_m) : Cell());
    put(optional(d.least)), put(optional(d.most));
    put(sensing::to_string(d.policy.uplink)), put(d.policy.pickup), put(d.policy.max_lateness);
    put(d.binding.source), put(d.binding.address);
  }

  template <class Put>
  void emit(const Contents::Seen& row, Put put) const {
    std::array<std::uint8_t, 8> epoch;
    for (int i = 0; i < 8; ++i) epoch[i] = static_cast<std::uint8_t>(row.epoch >> (56 - 8 * i));
    const std::string hex = base::to_hex(epoch);
    put(row.site), put(hex), put(clamped(row.received));
  }

  static std::string causes_json(const alert::Info& info) {
    nlohmann::json out = nlohmann::json::array();
    for (const alert::Cause& cause : info.causes)
      out.push_back({{"datastream", cause.datastream},
                     {"share", cause.share},
                     {"value", cause.value},
                     {"expected", cause.expected},
                     {"unit", cause.unit}});
    // Not known is no number, and JSON has none for it.
    for (std::size_t i = 0; i < info.causes.size(); ++i) {
      const double deviation = info.causes[i].deviation;
      if (std::isfinite(deviation)) out[i]["deviation"] = deviation;
    }
    return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  static std::string evidence_json(const alert::Evidence& evidence) {
    nlohmann::json series = nlohmann::json::object();
    for (const auto& [datastream, points] : evidence.series) {
      auto& list = series[datastream] = nlohmann::json::array();
      for (const alert::Point& point : points) list.push_back({point.time, point.value});
    }
    const nlohmann::json out = {
        {"from", evidence.from}, {"to", evidence.to}, {"series", std::move(series)}};
    return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  const Context& context_;
  ParquetWriter& out_;
};

}  // namespace

std::optional<base::TimeUs> utc_of(base::TimeUs claimed, base::DurationUs offset) {
  base::TimeUs time = 0;
  if (__builtin_add_overflow(claimed, offset, &time) || !in_range(time)) return std::nullopt;
  return time;
}

bool is_for_the_lake(const link::Item& item) {
  return item.type == "blocks" || item.type == "summary" || item.type == "alert-event" ||
         item.type == "datastream";
}

Judged judge(const link::Item& item) {
  Judged judged{.item = &item};
  if (auto status = judge_body(judged); !status.ok()) judged.refusal = status.error().message();
  return judged;
}

base::Status decode(const Waiting& waiting, Contents& contents) {
  if (waiting.type == "blocks") {
    LANDER_ASSIGN(auto blocks, link::decode_blocks(waiting.body));
    for (auto& block : blocks) contents.raw.push_back({waiting.site, std::move(block)});
  } else if (waiting.type == "summary") {
    LANDER_ASSIGN(auto summaries, link::decode_summaries(waiting.body));
    for (auto& one : summaries) contents.summed.push_back({waiting.site, std::move(one)});
  } else if (waiting.type == "alert-event") {
    LANDER_ASSIGN(auto event, alert::decode_event(waiting.body));
    contents.told.push_back({waiting.site, waiting.received, std::move(event)});
  } else if (waiting.type == "datastream") {
    LANDER_ASSIGN(auto datastream, sensing::decode_datastream(waiting.body));
    contents.declared.push_back({waiting.site, waiting.created, std::move(datastream)});
  } else {
    contents.seen.push_back({waiting.site, waiting.epoch, waiting.received});
  }
  return {};
}

bool has_rows(Table table, const Contents& contents) {
  switch (table) {
    case Table::kObservation:
      return !contents.raw.empty();
    case Table::kSummary:
      return !contents.summed.empty();
    case Table::kAlertEvent:
      return !contents.told.empty();
    case Table::kDatastream:
      return !contents.declared.empty();
    case Table::kSite:
      return !contents.seen.empty();
  }
  LANDER_CHECK(false);
}

base::Status put_rows(Table table, Contents& contents, const Context& context, ParquetWriter& out) {
  Lister lister(context, out);
  switch (table) {
    case Table::kObservation:
      return put_observations(contents.raw, context, out);
    case Table::kSummary:
      return lister.put_all(contents.summed, [](const Contents::Summed& row) {
        return std::tie(row.site, row.summary.datastream, row.summary.from);
      });
    case Table::kAlertEvent:
      return lister.put_all(contents.told, [](const Contents::Told& row) {
        return std::tie(row.site, row.event.time);
      });
    case Table::kDatastream:
      return lister.put_all(contents.declared, [](const Contents::Declared& row) {
        return std::tie(row.site, row.datastream.id, row.datastream.revision);
      });
    case Table::kSite:
      return lister.put_all(contents.seen, [](const Contents::Seen& row) {
        return std::tie(row.site, row.received);
      });
  }
  LANDER_CHECK(false);
}

}  // namespace lander::lake
