#include "cli/files_watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lander::cli {
namespace {

constexpr double kTellCause = 0.8;      // of the limit: from here on a score names its causes
constexpr double kExplained = 0.8;      // of the score, together, by those that are named
constexpr std::size_t kMostCauses = 5;  // in a row
constexpr std::size_t kMostListed = 1000;

// The strongest first, until they explain most of the sum.
std::vector<std::size_t> strongest(std::span<const double> shares) {
  std::vector<std::size_t> order(shares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t most = std::min(kMostCauses, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return shares[a] != shares[b] ? shares[a] > shares[b] : a < b;
                    });
  order.resize(most);
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  double explained = 0;
  std::size_t told = 0;
  while (told < most && shares[order[told]] > 0 && explained < kExplained * total)
    explained += shares[order[told++]];
  order.resize(told);
  return order;
}

}  // namespace

std::vector<std::string> causes_of(std::span<const double> shares,
                                   const std::vector<std::string>& names) {
  std::vector<std::string> causes;
  for (const std::size_t i : strongest(shares)) causes.push_back(names[i]);
  return causes;
}

Watching::Watching(std::unique_ptr<model::Detector> detector, const model::JudgeOptions& judge,
                   std::vector<std::string> names, bool plotted)
    : detector_(std::move(detector)),
      changes_(model::ChangeOptions{names.size()}),
      judge_(judge),
      names_(std::move(names)) {
  if (plotted) plot_.emplace(names_.size() + 1);
}

void Watching::step(std::span<const double> frame, const table::Row& row, std::string& out) {
  ++told_.rows;
  const model::Score& score = detector_->score(frame, row.time);
  const bool changed = changes_.step(frame, row.time) || score.change;
  const bool before = judge_.alarm();
  const bool alarm = judge_.step(score, row.time);
  append_number(out, score.valid ? score.score : NAN, 6);
  out += alarm ? ",1," : ",0,";
  out += changed ? "1," : "0,";
  const bool strange = score.valid && (alarm || score.score >= kTellCause);
  if (strange) {
    out += csv_field(joined(causes_of(score.shares, names_), ";"));
  } else if (changed) {
    out += csv_field(joined(causes_of(changes_.shares(), names_), ";"));
  }
  out += '\n';
  if (plot_) {
    values_.assign(frame.begin(), frame.end());
    values_.push_back(score.valid ? score.score : NAN);
    plot_->add(row.time, values_,
               strange ? std::span<const double>(score.shares) : std::span<const double>());
  }
  count(score, row, alarm, alarm && !before, changed);
}

void Watching::count(const model::Score& score, const table::Row& row, bool alarm, bool raised,
                     bool changed) {
  const auto here = [&] { return Moment{std::string(row.time_text), row.time, told_.rows}; };
  told_.unscored += !score.valid;
  told_.alarm_rows += alarm;
  told_.alarms += raised;
  told_.changes += changed;
  if (changed && told_.change_moments.size() < kMostListed) {
    told_.change_moments.push_back(here());
    told_.change_causes.push_back(joined(causes_of(changes_.shares(), names_), ", "));
  }
  if (score.valid && score.score > told_.peak) {
    told_.peak = score.score;
    told_.peak_time = row.time_text;
  }
  if (raised) {
    open_ = told_.incidents.size() < kMostListed;
    if (open_)
      told_.incidents.push_back({here(), here(), 0, std::vector<double>(names_.size(), 0.0)});
  }
  if (!alarm || !open_) return;
  Incident& incident = told_.incidents.back();
  incident.to = here();
  if (!score.valid) return;
  incident.peak = std::max(incident.peak, score.score);
  for (std::size_t i = 0; i < names_.size(); ++i) incident.shares[i] += score.shares[i];
}

}  // namespace lander::cli
