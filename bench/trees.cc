// Trees at batch 1 on one thread: ours beside XGBoost's own predictor, called in process, in the
// same run, on the same model and rows.
//
//   bench_trees [--trees 100] [--depth 6] [--features 24] [--rows 200] [--json]
//
// Method: XGBoost (Debian's library, loaded at run time; nthread=1) trains regression trees on made
// data with missing values and saves its JSON; trees_from_xgboost reads that. Then every row is
// predicted one by one: by TreeRunner, by XGBoosterPredictFromDense (in place), and by
// XGBoosterPredict on a matrix of one row made for it. The fastest of its two ways counts. Rounds
// of all three alternate; the figure of each is that of its fastest tenth (what else runs on the
// machine only adds), nanoseconds a row. All predictions are compared, with missing values and
// without. Exits 1 when they differ by over 1e-5 (of 1 or of the larger of the two) or the factor
// is below 15.
#include "model/trees.h"

#include <dlfcn.h>

#include <cmath>
#include <cstring>
#include <random>

#include <nlohmann/json.hpp>

#include "learn/xgboost.h"
#include "measure.h"

namespace {

using namespace lander;

// The few functions of XGBoost's C API (xgboost/c_api.h, 1.6 and later) that are needed.
class Xgboost {
 public:
  using Length = std::uint64_t;
  Xgboost() {
    library_ = ::dlopen("libxgboost.so.0", RTLD_NOW);
    if (library_ == nullptr) library_ = ::dlopen("libxgboost.so", RTLD_NOW);
    if (library_ == nullptr) bench::fail("XGBoost is absent: apt-get install libxgboost0");
  }
  template <class... Arguments>
  void call(const char* name, Arguments... arguments) {
    const auto function = reinterpret_cast<int (*)(Arguments...)>(::dlsym(library_, name));
    if (function == nullptr) bench::fail(std::string("XGBoost has no ") + name);
    if (function(arguments...) == 0) return;
    const auto why = reinterpret_cast<const char* (*)()>(::dlsym(library_, "XGBGetLastError"));
    bench::fail(std::string(name) + ": " + why());
  }
  template <class Function>
  Function* find(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(library_, name));
  }

 private:
  void* library_;
};

struct Options {
  std::size_t trees = 100, depth = 6, features = 24, rows = 200;
  bool json = false;
};

Options options_of(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--json") {
      options.json = true;
      continue;
    }
    std::size_t* const number = name == "--trees"      ? &options.trees
                                : name == "--depth"    ? &options.depth
                                : name == "--features" ? &options.features
                                : name == "--rows"     ? &options.rows
                                                       : nullptr;
    if (number == nullptr || i + 1 == argc) bench::fail("unknown option " + name);
    *number = std::strtoul(argv[++i], nullptr, 10);
  }
  if (options.trees * options.depth * options.features * options.rows == 0) {
    bench::fail("every number must be positive");
  }
  return options;
}

struct Rows {
  std::vector<float> values, targets;
};
Rows make_rows(const Options& options, std::size_t count, double missing, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<double> chance;
  Rows rows;
  for (std::size_t r = 0; r < count; ++r) {
    double target = 0;
    for (std::size_t f = 0; f < options.features; ++f) {
      const float x = normal(random);
      target += std::sin(x * static_cast<float>(f % 5 + 1)) + (f % 3 == 0 ? x * x : 0);
      rows.values.push_back(chance(random) < missing ? NAN : x);
    }
    rows.targets.push_back(static_cast<float>(target));
  }
  return rows;
}

class Rival {
 public:
  explicit Rival(const Options& options) : features_(options.features) {
    const Rows rows = make_rows(options, 20000, 0.05, 1);
    void* matrix = nullptr;
    library_.call("XGDMatrixCreateFromMat", rows.values.data(), Length{rows.targets.size()},
                  Length{features_}, NAN_, &matrix);
    library_.call("XGDMatrixSetFloatInfo", matrix, "label", rows.targets.data(),
                  Length{rows.targets.size()});
    library_.call("XGBoosterCreate", static_cast<void* const*>(&matrix), Length{1}, &booster_);
    const std::string depth = std::to_string(options.depth);
    for (const auto& [name, value] :
         {std::pair("nthread", "1"), std::pair("tree_method", "hist"),
          std::pair("max_depth", depth.c_str()), std::pair("min_child_weight", "0"),
          std::pair("eta", "0.1")}) {
      library_.call("XGBoosterSetParam", booster_, name, value);
    }
    for (int i = 0; i < static_cast<int>(options.trees); ++i) {
      library_.call("XGBoosterUpdateOneIter", booster_, i, matrix);
    }
    library_.call("XGDMatrixFree", matrix);
    in_place_ = library_.find<InPlace>("XGBoosterPredictFromDense");
    create_ = library_.find<Create>("XGDMatrixCreateFromMat");
    predict_ = library_.find<Predict>("XGBoosterPredict");
    free_ = library_.find<Free>("XGDMatrixFree");
    if (!in_place_ || !create_ || !predict_ || !free_) bench::fail("XGBoost lacks a function");
  }
  std::string json() {
    Length length = 0;
    const char* text = nullptr;
    library_.call("XGBoosterSaveModelToBuffer", booster_, R"({"format":"json"})", &length, &text);
    return {text, length};
  }
  // The array interface is a text that names an address: made once, the row is copied there, which
  // is what a careful caller does.
  void prepare(const float* place) {
    char text[160];
    std::snprintf(
        text, sizeof text, R"({"data":[%llu,false],"shape":[1,%zu],"typestr":"<f4","version":3})",
        static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(place)), features_);
    array_ = text;
  }
  float in_place() {
    static const char* const kConfig =
        R"({"type":1,"iteration_begin":0,"iteration_end":0,"strict_shape":false,"missing":NaN,"cache_id":0})";
    const Length* shape = nullptr;
    Length dimensions = 0;
    const float* result = nullptr;
    if (in_place_(booster_, array_.c_str(), kConfig, nullptr, &shape, &dimensions, &result) != 0) {
      bench::fail("XGBoosterPredictFromDense failed");
    }
    return result[0];
  }
  float by_matrix(const float* row) {
    void* matrix = nullptr;
    Length length = 0;
    const float* result = nullptr;
    if (create_(row, 1, features_, NAN_, &matrix) != 0 ||
        predict_(booster_, matrix, 1, 0, 0, &length, &result) != 0) {
      bench::fail("XGBoosterPredict failed");
    }
    const float value = result[0];
    free_(matrix);
    return value;
  }

 private:
  using Length = Xgboost::Length;
  using InPlace = int(void*, const char*, const char*, void*, const Length**, Length*,
                      const float**);
  using Create = int(const float*, Length, Length, float, void**);
  using Predict = int(void*, void*, int, unsigned, int, Length*, const float**);
  using Free = int(void*);
  static constexpr float NAN_ = std::numeric_limits<float>::quiet_NaN();

  Xgboost library_;
  std::size_t features_;
  void* booster_ = nullptr;
  std::string array_;
  InPlace* in_place_ = nullptr;
  Create* create_ = nullptr;
  Predict* predict_ = nullptr;
  Free* free_ = nullptr;
};

struct Measured {
  double ours = 0, in_place = 0, by_matrix = 0;  // ns a row
  double difference = 0;
};

Measured measure(const Options& options, Rival& rival, const model::TreeRunner& runner,
                 double missing) {
  const Rows rows = make_rows(options, options.rows, missing, 2);
  std::vector<float> place(options.features);
  rival.prepare(place.data());
  std::vector<double> ours, in_place, by_matrix;
  Measured measured;
  std::vector<float> mine(options.rows), theirs(options.rows), others(options.rows);
  const auto row = [&](std::size_t r) { return &rows.values[r * options.features]; };
  const auto timed = [&](std::vector<double>& times, const auto& each) {
    const auto began = bench::Steady::now();
    for (std::size_t r = 0; r < options.rows; ++r) each(r);
    times.push_back(1e3 * bench::us_since(began) / static_cast<double>(options.rows));
  };
  for (int round = 0; round < 101; ++round) {
    timed(ours, [&](std::size_t r) { runner.evaluate({row(r), options.features}, {&mine[r], 1}); });
    timed(in_place, [&](std::size_t r) {
      std::memcpy(place.data(), row(r), options.features * sizeof(float));
      theirs[r] = rival.in_place();
    });
    timed(by_matrix, [&](std::size_t r) { others[r] = rival.by_matrix(row(r)); });
  }
  for (std::size_t r = 0; r < options.rows; ++r) {
    for (const float other : {theirs[r], others[r]}) {
      const double size = std::max({1.0F, std::abs(mine[r]), std::abs(other)});
      measured.difference = std::max(measured.difference, std::abs(mine[r] - other) / size);
    }
  }
  measured.ours = bench::percentile(ours, 0.1);
  measured.in_place = bench::percentile(in_place, 0.1);
  measured.by_matrix = bench::percentile(by_matrix, 0.1);
  return measured;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = options_of(argc, argv);
  Rival rival(options);
  const model::TreeRunner runner(bench::must(learn::trees_from_xgboost(rival.json())));
  bool good = true;
  nlohmann::json told = nlohmann::json::array();
  for (const double missing : {0.0, 0.05}) {
    const Measured m = measure(options, rival, runner, missing);
    const double factor = std::min(m.in_place, m.by_matrix) / m.ours;
    good = good && m.difference <= 1e-5 && factor >= 15;
    told.push_back({{"missing", missing},
                    {"ours_ns", m.ours},
                    {"xgboost_in_place_ns", m.in_place},
                    {"xgboost_matrix_ns", m.by_matrix},
                    {"factor", factor},
                    {"largest_difference", m.difference}});
    if (options.json) continue;
    std::printf("%zu trees of depth %zu, %zu features, %.0f %% missing, batch 1, one thread\n",
                options.trees, options.depth, options.features, 100 * missing);
    std::printf("  Lander                        %9.0f ns a row\n", m.ours);
    std::printf("  XGBoost, in place             %9.0f ns a row\n", m.in_place);
    std::printf("  XGBoost, a matrix of one row  %9.0f ns a row\n", m.by_matrix);
    std::printf("  factor %.1f (at least 15), largest difference %.1e (at most 1e-5)\n", factor,
                m.difference);
  }
  if (options.json) std::printf("%s\n", told.dump().c_str());
  return good ? 0 : 1;
}
