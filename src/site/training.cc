#include "site/training.h"

#include <algorithm>
#include <limits>

#include "base/cbor.h"
#include "crypto/crypto.h"
#include "site/newest.h"

namespace lander::site {
namespace {

constexpr std::size_t kMaxInputs = 32;
// What led up to an alarm and what followed it is not healthy either.
constexpr base::DurationUs kMargin = base::kMinute;
constexpr std::size_t kBlockRows = 600;  // stretches that averages settle in
// Of what is harmless beside the thinned rest; the newest.
constexpr std::size_t kMostHarmless = 32;

bool holds(const std::vector<Span>& spans, base::TimeUs time) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const Span& span) { return span.from <= time && time < span.to; });
}

bool overlaps(const std::vector<Span>& spans, base::TimeUs from, base::TimeUs to) {
  return std::any_of(spans.begin(), spans.end(),
                     [&](const Span& span) { return span.from < to && from < span.to; });
}

// Which rows of a span are held, and where.
class Rows {
 public:
  Rows(const FramesWanted& wanted, std::size_t inputs, const std::vector<Span>& harmless)
      : from_(wanted.span.from / wanted.interval * wanted.interval), interval_(wanted.interval) {
    const auto rows = static_cast<std::size_t>(
        std::max<std::int64_t>(0, (wanted.span.to - from_) / wanted.interval));
    const std::size_t blocks = (rows + kBlockRows - 1) / kBlockRows;
    const std::size_t most = std::max<std::size_t>(1, kMaxTrainingValues / inputs / kBlockRows);
    // A fifth is for what is harmless, if the rest had to be thinned for it.
    thinned_ =
        blocks <= most ? 1 : (blocks + most * 4 / 5 - 1) / std::max<std::size_t>(1, most * 4 / 5);
    std::size_t kept = 0;
    for (std::size_t block = 0; block < blocks; ++block) {
      const base::TimeUs begin = time_of(block * kBlockRows);
      const bool taken =
          block % thinned_ == 0 ||
          (kept < most && overlaps(harmless, begin, time_of((block + 1) * kBlockRows)));
      slots_.push_back(taken && kept < most ? kept++ * kBlockRows : kNone);
    }
    slots_used_ = kept * kBlockRows;
  }

  static constexpr std::size_t kNone = SIZE_MAX;
  std::size_t slot(base::TimeUs time) const {
    if (time < from_) return kNone;
    const auto row = static_cast<std::size_t>((time - from_) / interval_);
    if (row / kBlockRows >= slots_.size() || slots_[row / kBlockRows] == kNone) return kNone;
    return slots_[row / kBlockRows] + row % kBlockRows;
  }
  std::size_t slots() const { return slots_used_; }
  std::size_t thinned() const { return thinned_; }
  base::TimeUs from() const { return from_; }
  base::TimeUs time_of(std::size_t row) const {
    return from_ + static_cast<base::DurationUs>(row) * interval_;
  }
  template <class Visit>
  void each(Visit visit) const {  // slot, time; in order of time
    for (std::size_t block = 0; block < slots_.size(); ++block) {
      if (slots_[block] == kNone) continue;
      for (std::size_t i = 0; i < kBlockRows; ++i) {
        visit(slots_[block] + i, time_of(block * kBlockRows + i));
      }
    }
  }

 private:
  base::TimeUs from_;
  base::DurationUs interval_;
  std::size_t thinned_ = 1, slots_used_ = 0;
  std::vector<std::size_t> slots_;  // by block: of its first row
};

void mark_harmless(learn::Frames& frames, const std::vector<Span>& harmless) {
  for (const Span& span : harmless) {
    const auto begin = std::lower_bound(frames.times.begin(), frames.times.end(), span.from);
    const auto end = std::lower_bound(begin, frames.times.end(), span.to);
    if (begin == end) continue;
    frames.harmless.emplace_back(begin - frames.times.begin(), end - frames.times.begin());
  }
  std::sort(frames.harmless.begin(), frames.harmless.end());
}

}  // namespace

bool belongs(const std::string& asset, const std::string& of) {
  return asset == of ||
         (asset.size() > of.size() && asset.starts_with(of) && asset[of.size()] == '/');
}

Labels labels_of(const alert::Book& book, const std::string& asset, base::TimeUs now) {
  Labels out;
  base::CborWriter all;
  for (const auto& [id, episodes] : book.episodes(asset)) {
    bool judged = false;
    for (const alert::Episode& episode : episodes) {
      const Span span{episode.from - kMargin, (episode.to == 0 ? now : episode.to) + kMargin};
      if (episode.verdict == alert::Verdict::kFalse) {
        if (out.harmless.size() < kMostHarmless) out.harmless.push_back(span);
      } else {
        out.left_out.push_back(span);
      }
      if (episode.verdict == alert::Verdict::kTrue) out.faults.push_back(span);
      if (episode.verdict == alert::Verdict::kNone) continue;
      judged = true;
      all.array(4).text(id).integer(episode.from).integer(episode.to);
      all.unsigned_integer(static_cast<std::uint64_t>(episode.verdict));
    }
    out.verdicts += judged ? 1 : 0;
  }
  if (out.verdicts > 0) out.digest = crypto::sha256_hex(all.out());
  return out;
}

base::Result<learn::Frames> read_frames(const store::Store& store, const FramesWanted& wanted,
                                        const Labels& labels,
                                        const std::function<bool()>& cancelled) {
  learn::Frames out;
  out.interval = wanted.interval;
  std::vector<sensing::SeriesKey> keys;
  for (const auto& [id, entry] : newest_datastreams(store)) {
    const auto& [key, d] = entry;
    if (!belongs(d.asset, wanted.asset)) continue;
    if (d.kind != sensing::Kind::kNumber && d.kind != sensing::Kind::kInteger) continue;
    if (keys.size() == kMaxInputs) break;
    keys.push_back(key);
    out.inputs.push_back({d.id, d.revision, d.property, d.unit, 0, 0});
  }
  if (keys.empty()) {
    return base::Error(base::Code::kNotFound, "asset \"" + wanted.asset +
                                                  "\" has no number datastreams: `lander twin` "
                                                  "shows what is declared");
  }
  FramesWanted there = wanted;  // what nobody recorded needs no room
  if (const base::TimeUs oldest = store.stats().oldest; oldest > there.span.from)
    there.span.from = std::min(oldest, there.span.to);
  const Rows rows(there, keys.size(), labels.harmless);
  out.thinned = rows.thinned();
  const std::size_t n = keys.size();
  out.values.assign(rows.slots() * n, std::numeric_limits<float>::quiet_NaN());
  std::vector<bool> any(rows.slots(), false);
  std::size_t seen = 0;
  bool stopped = false;
  for (std::size_t column = 0; column < n && !stopped; ++column) {
    const auto take = [&](const store::Sample& sample) {
      if (cancelled && ++seen % 4096 == 0 && cancelled()) stopped = true;
      const std::size_t slot = rows.slot(sample.observation.time);
      if (slot != Rows::kNone) {
        any[slot] = true;
        if (!sensing::is_bad(sample.observation.quality)) {
          out.values[slot * n + column] =
              static_cast<float>(sensing::as_number(sample.observation.value));
        }
      }
      return !stopped;
    };
    // What is missing is missing in the frames too: readiness tells of it.
    LANDER_ASSIGN([[maybe_unused]] const auto gaps,
                  store.read(keys[column], there.span.from, there.span.to, SIZE_MAX, take));
  }
  if (stopped) return base::Error(base::Code::kUnavailable, "the training was cancelled");
  // Moved together in place: a second copy would be as large again.
  std::size_t kept = 0;
  rows.each([&](std::size_t slot, base::TimeUs time) {
    if (!any[slot]) return;
    if (holds(labels.left_out, time)) {
      ++out.near_alarms;
      return;
    }
    out.times.push_back(time);
    std::copy_n(out.values.begin() + static_cast<std::ptrdiff_t>(slot * n), n,
                out.values.begin() + static_cast<std::ptrdiff_t>(kept++ * n));
  });
  out.values.resize(kept * n);
  mark_harmless(out, labels.harmless);
  return out;
}

}  // namespace lander::site
