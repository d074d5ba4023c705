// The store as a site has it.
#include <atomic>

#include "../measure.h"
#include "data.h"
#include "engine.h"
#include "os/clock.h"
#include "store/store.h"

namespace bench {

using namespace lander;

namespace {

// Says that the time of a batch passed with it, however fast they are written.
class BatchClock : public os::Clock {
 public:
  base::TimeUs wall_us() const override { return kStart + passed; }
  base::DurationUs monotonic_us() const override { return base::kSecond + passed; }
  std::string boot_id() const override { return "bench"; }
  std::atomic<base::DurationUs> passed = 0;
};

// A store from before upkeep() has nothing to do in the background.
template <class S>
bool upkeep_of(S& store) {
  if constexpr (requires { store.upkeep(); }) {
    return must(store.upkeep(), "upkeep:");
  } else {
    return false;
  }
}

template <class O>
void compact_all(O& options) {
  if constexpr (requires { options.compact_frames; }) options.compact_frames = 1;
}

class Ours : public Engine {
 public:
  explicit Ours(const EngineOptions& options) {
    clock_.passed = options.passed;
    store::Store::Options how;
    how.path = options.folder + "/store.db";
    how.vfs = options.vfs;
    how.clock = &clock_;
    if (options.compact_all) compact_all(how);
    store_ = must(store::Store::open(how), "open:");
    for (int s = 0; s < options.series; ++s) {
      sensing::Datastream d;
      d.id = "pressure-" + std::to_string(s);
      d.asset = "acme/north/pump-" + std::to_string(s / 10);
      d.property = "pressure";
      d.unit = "bar";
      const auto key = must(store_->declare(d), "declare:");
      if (key != static_cast<store::SeriesKey>(s + 1)) fail("series are not numbered from 1");
    }
  }
  void commit(std::vector<Observation>& batch, base::DurationUs interval) override {
    clock_.passed += interval;
    batch_.observations.swap(batch);
    const auto done = must(store_->commit(batch_), "commit:");
    batch_.observations.swap(batch);
    if (done.stored != batch.size()) fail("the store dropped observations");
  }
  bool upkeep() override { return upkeep_of(*store_); }
  double settle() override {
    const auto began = Steady::now();
    while (upkeep()) {
    }
    return us_since(began) / 1e6;
  }
  Answer read(int series, base::TimeUs from, base::TimeUs to) override {
    Answer out;
    must(store_->read(static_cast<store::SeriesKey>(series), from, to, SIZE_MAX,
                      [&](const store::Sample& sample) {
                        ++out.count;
                        out.sum += std::get<double>(sample.observation.value);
                        return true;
                      }),
         "read:");
    return out;
  }
  Answer plot(int series, base::TimeUs from, base::TimeUs to) override {
    Answer out;
    const auto key = static_cast<store::SeriesKey>(series);
    for (const auto& bucket : must(store_->downsample(key, from, to, kBuckets), "downsample:")) {
      out.count += static_cast<double>(bucket.summary.count);
      out.sum += bucket.summary.sum;
    }
    return out;
  }

 private:
  BatchClock clock_;
  store::Batch batch_;
  std::unique_ptr<store::Store> store_;
};

}  // namespace

std::unique_ptr<Engine> make_store(const EngineOptions& options) {
  return std::make_unique<Ours>(options);
}

}  // namespace bench
