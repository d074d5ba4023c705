#include "store/feed.h"

#include <algorithm>
#include <queue>

#include "sensing/chunk.h"

namespace lander::store {
namespace {

using base::DurationUs;
using base::Result;
using base::Status;
using base::TimeUs;

class ChunkFeed final : public Feed {
 public:
  ChunkFeed(const Order& order, ChunkScan scan, Segment segment, DurationUs offset, TimeUs first,
            TimeUs end)
      : order_(order),
        scan_(std::move(scan)),
        segment_(segment),
        offset_(offset),
        first_(first),
        end_(end) {}

  Status fill() override {
    while (at_ >= stop_ && scan_.ready()) {
      LANDER_TRY(load());
      LANDER_TRY(scan_.next());
    }
    return {};
  }
  bool empty() const override { return at_ >= stop_; }
  TimeUs head() const override { return plus(block_.times[at_], offset_); }
  bool give(TimeUs until, std::size_t& limit, const Visit& visit) override {
    const TimeUs last = minus(until, offset_);
    for (; at_ < stop_ && block_.times[at_] <= last; ++at_) {
      if (limit == 0) return false;
      --limit;
      set_sample(sample_, order_, block_, at_, segment_);
      if (!visit(sample_)) return false;
    }
    return true;
  }

 private:
  Status load() {
    at_ = stop_ = 0;
    auto status = sensing::decode_chunk(scan_.data(), block_);
    if (status.ok() && (block_.kind != order_.kind || block_.size() != scan_.count())) {
      status = base::Error(base::Code::kCorrupt, "expected " + std::to_string(scan_.count()) +
                                                     " samples of the datastream's kind");
    }
    if (!status.ok()) {
      order_.damage(scan_.lost(), status.error());
      return {};
    }
    const auto& times = block_.times;
    at_ = static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), first_) -
                                   times.begin());
    stop_ = static_cast<std::size_t>(std::lower_bound(times.begin(), times.end(), end_) -
                                     times.begin());
    // Of two offsets one's claims stand before the other's: they part at a time.
    const auto mine = [&](std::size_t at) {
      return minus(to_utc(*order_.book, segment_, times[at]).time, times[at]) == offset_;
    };
    while (at_ < stop_ && !mine(at_)) ++at_;
    while (stop_ > at_ && !mine(stop_ - 1)) --stop_;
    return {};
  }

  const Order& order_;
  ChunkScan scan_;
  Segment segment_;
  DurationUs offset_;
  TimeUs first_, end_;
  sensing::Block block_;
  std::size_t at_ = 0, stop_ = 0;
  Sample sample_;
};

class TailFeed final : public Feed {
 public:
  TailFeed(const Order& order, std::vector<TailFrame> frames)
      : order_(order), frames_(std::move(frames)) {
    bounds_.reserve(frames_.size());
    for (const TailFrame& frame : frames_) {
      bounds_.push_back(plus(frame.first, offsets_of(*order_.book, frame.segment).first));
    }
    std::vector<std::size_t> by_bound(frames_.size());
    for (std::size_t i = 0; i < by_bound.size(); ++i) by_bound[i] = i;
    std::stable_sort(by_bound.begin(), by_bound.end(),
                     [&](std::size_t a, std::size_t b) { return bounds_[a] < bounds_[b]; });
    order_of_ = std::move(by_bound);
  }

  // Decodes frames until no later one can hold an earlier sample.
  Status fill() override {
    while (next_ < order_of_.size() && (waiting_.empty() || bounds_[order_of_[next_]] <= head())) {
      const TailFrame& frame = frames_[order_of_[next_++]];
      LANDER_TRY(visit_frames(order_, {frame}, [&](const Samples& s, std::size_t at, Segment in) {
        Sample sample;
        set_sample(sample, order_, s.block, at, in);
        const TimeUs time = sample.observation.time;
        if (time >= order_.from && time < order_.to) waiting_.push({std::move(sample), added_++});
      }));
    }
    return {};
  }
  bool empty() const override { return waiting_.empty(); }
  TimeUs head() const override { return waiting_.top().sample.observation.time; }
  bool give(TimeUs until, std::size_t& limit, const Visit& visit) override {
    const TimeUs safe =
        next_ < order_of_.size() ? std::min(until, minus(bounds_[order_of_[next_]], 1)) : until;
    while (!waiting_.empty() && head() <= safe) {
      if (limit == 0) return false;
      --limit;
      if (!visit(waiting_.top().sample)) return false;
      waiting_.pop();
    }
    return true;
  }

 private:
  struct Waiting {
    Sample sample;
    std::uint64_t order;
    bool operator<(const Waiting& other) const {  // of a max-heap: the earliest on top
      if (sample.observation.time != other.sample.observation.time) {
        return sample.observation.time > other.sample.observation.time;
      }
      return order > other.order;
    }
  };

  const Order& order_;
  std::vector<TailFrame> frames_;
  std::vector<TimeUs> bounds_;  // UTC before which a frame has nothing
  std::vector<std::size_t> order_of_;
  std::size_t next_ = 0;
  std::priority_queue<Waiting> waiting_;
  std::uint64_t added_ = 0;
};

}  // namespace

void set_sample(Sample& sample, const Order& order, const sensing::Block& block, std::size_t at,
                Segment segment) {
  const auto utc = to_utc(*order.book, segment, block.times[at]);
  sample.time_error = utc.error;
  sensing::Observation& observation = sample.observation;
  observation.series = order.key;
  observation.time = utc.time;
  observation.quality = block.qualities[at];
  if (block.kind == sensing::Kind::kNumber) {
    observation.value = block.numbers[at];
  } else {
    observation.value = value_at(block, at);
  }
}

Result<std::unique_ptr<Feed>> chunk_feed(const Order& order, Segment segment, DurationUs offset,
                                         TimeUs first, TimeUs end) {
  LANDER_ASSIGN(ChunkScan scan,
                ChunkScan::begin(*order.connection, order.key, segment, first, end));
  return std::unique_ptr<Feed>(new ChunkFeed(order, std::move(scan), segment, offset, first, end));
}

std::unique_ptr<Feed> tail_feed(const Order& order, std::vector<TailFrame> frames) {
  return std::make_unique<TailFeed>(order, std::move(frames));
}

Status visit_frames(const Order& order, const std::vector<TailFrame>& frames,
                    const std::function<void(const Samples&, std::size_t, Segment)>& visit) {
  Samples samples;
  for (const TailFrame& frame : frames) {
    LANDER_ASSIGN(const StoredFrame stored, load_frame(*order.connection, frame.id));
    const auto take = [&]() -> Result<bool> {
      LANDER_ASSIGN(FrameReader reader, FrameReader::open(stored.data));
      LANDER_ASSIGN(const bool found, reader.find(order.key));
      if (!found) return false;
      samples.cut(0);
      LANDER_TRY(reader.append_to(order.kind, samples));
      return true;
    };
    const auto taken = take();
    if (!taken.ok()) {
      order.damage(lost_with(frame), taken.error());
      continue;
    }
    if (!*taken) continue;
    const Placer place(*order.book, stored.stamp);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      visit(samples, i, place(samples.block.times[i]));
    }
  }
  return {};
}

}  // namespace lander::store
