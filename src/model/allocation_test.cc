// Scoring and predicting need no memory beyond what was taken when a model was made: they run
// beside a site's intake, for months. The models are the seeds of the fuzzer: one of every method.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/counted_new.h"
#include "crypto/crypto.h"
#include "model/change.h"
#include "model/drift.h"
#include "model/predictor.h"
#include "model/surprise.h"

namespace lander::model {
namespace {

constexpr int kWarm = 50, kRows = 200;

std::vector<Model> seeds() {
  std::vector<Model> models;
  for (const auto& entry : std::filesystem::directory_iterator("fuzz/corpus/model")) {
    std::ifstream in(entry.path(), std::ios::binary);
    base::Bytes file(std::istreambuf_iterator<char>(in), {});
    const base::ByteView magic = base::as_bytes("LANDMDL1");
    file.insert(file.begin(), magic.begin(), magic.end());
    const crypto::Digest sum = crypto::sha256(file);
    file.insert(file.end(), sum.begin(), sum.end());
    auto model = decode_model(file);
    EXPECT_TRUE(model.ok()) << entry.path();
    if (model.ok()) models.push_back(std::move(*model));
  }
  return models;
}

// Every third row has gaps, at places that change.
void fill(std::vector<double>& row, int number) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto place = static_cast<int>(i) + number;
    row[i] = number % 3 == 0 && place % 4 == 0 ? std::numeric_limits<double>::quiet_NaN()
                                               : std::sin(0.1 * place);
  }
}

template <class Step>
std::size_t allocated_by(std::size_t inputs, Step step) {
  std::vector<double> row(inputs);
  std::size_t before = 0;
  for (int i = 0; i < kWarm + kRows; ++i) {
    if (i == kWarm) before = allocations;
    fill(row, i);
    step(row, i);
  }
  return allocations - before;
}

TEST(Allocation, NoModelOfAnyMethodTakesMemoryInSteadyState) {
  std::set<std::string> methods;
  for (const Model& model : seeds()) {
    const std::string& method = model.lineage.method;
    methods.insert(method);
    if (*kind_of(model) == Kind::kDetector) {
      auto made = make_detector(model);
      ASSERT_TRUE(made.ok()) << made.error().message();
      const auto detector = std::move(*made);
      DriftWatch drift(model);
      EXPECT_EQ(allocated_by(model.inputs.size(),
                             [&](const std::vector<double>& row, int i) {
                               drift.add(row, detector->score(row, i * base::kSecond));
                             }),
                0u)
          << method;
    } else {
      auto made = make_predictor(model);
      ASSERT_TRUE(made.ok()) << method << ": fuzz/model_seeds.py makes the seed anew: "
                             << made.error().message();
      const auto predictor = std::move(*made);
      EXPECT_EQ(allocated_by(model.inputs.size(),
                             [&](const std::vector<double>& row, int i) {
                               if (i % 70 == 0) predictor->reset();
                               predictor->predict(row, i);
                             }),
                0u)
          << method;
    }
  }
  EXPECT_EQ(methods, (std::set<std::string>{"class", "life", "mewma", "t2q"}));
}

TEST(Allocation, NorDoesWhatNeedsNoTraining) {
  auto surprise = make_surprise({3});
  ChangeDetector changes(ChangeOptions{3});
  EXPECT_EQ(allocated_by(3,
                         [&](const std::vector<double>& row, int i) {
                           surprise->score(row, i * base::kSecond);
                           changes.step(row, i * base::kSecond);
                         }),
            0u);
}

}  // namespace
}  // namespace lander::model
