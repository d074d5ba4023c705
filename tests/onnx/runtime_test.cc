// A detector that left as ONNX gives the scores in ONNX Runtime (tests/onnx/run.py) that it gives
// here.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>

#include "model/mewma.h"
#include "model/onnx.h"
#include "model/t2q.h"
#include "os/process.h"

namespace lander::model {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kRowsOfTest = 400;

struct Outputs {
  std::vector<double> scores, shares, expected;
};

class OnnxRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    os::ProcessOptions options;
    options.argv = {LANDER_VENV_PYTHON, "-c", "import onnx, onnxruntime"};
    const auto result = os::run_process(options);
    if (!result.ok() || !result->succeeded())
      GTEST_SKIP() << "no ONNX Runtime in " << LANDER_VENV_PYTHON << ": run ./dev setup test";
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = testing::TempDir() + "lander_onnx_" + info->name();
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  double number(double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random_);
  }
  std::vector<double> numbers(std::size_t count, double least, double most) {
    std::vector<double> out(count);
    for (double& value : out) value = number(least, most);
    return out;
  }
  std::vector<double> frozen(std::size_t n) {  // some inputs may never freeze
    std::vector<double> out(n);
    for (double& frames : out) frames = random_() % 3 ? number(3, 12) : 0;
    return out;
  }

  Mewma mewma(std::size_t n) {
    Mewma p;
    p.fast = 0.2;
    p.slow = 0.05;
    p.pattern = {3 * std::sqrt(static_cast<double>(n)), 0.3};
    p.level = {1, 0.1};
    p.centre = numbers(n, -100, 100);
    p.scale = numbers(n, 0.1, 10);
    p.mean = numbers(n, -0.3, 0.3);
    p.whiten = numbers(n * n, -0.3, 0.3);
    for (std::size_t i = 0; i < n; ++i) p.whiten[i * n + i] += 2;
    p.middle = p.centre;
    p.tolerance = p.scale;
    p.frozen_frames = frozen(n);
    return p;
  }
  T2q t2q(std::size_t n) {
    T2q p;
    p.kept = 1 + n / 2;
    p.t2_limit = 20 * static_cast<double>(n);
    p.q_limit = static_cast<double>(n);
    p.centre = numbers(n, -100, 100);
    p.scale = numbers(n, 0.1, 10);
    p.variances = numbers(n, 0.05, 3);
    const auto v = numbers(n, -1, 1);  // the reflection I - 2 v vᵀ / |v|² is orthonormal
    double square = 0;
    for (const double x : v) square += x * x;
    for (std::size_t a = 0; a < n; ++a)
      for (std::size_t b = 0; b < n; ++b) p.vectors.push_back((a == b) - 2 * v[a] * v[b] / square);
    p.frozen_frames = frozen(n);
    return p;
  }
  Model wrapped(const char* method, std::size_t inputs, base::Bytes body) {
    Model model;
    for (std::size_t i = 0; i < inputs; ++i)
      model.inputs.push_back({"sensor \"" + std::to_string(i) + "\"", 1, "", "bar", 0, 1});
    model.lineage.method = method;
    model.body = std::move(body);
    return model;
  }

  // All that happens to sensors: noise, a fault, gaps alone and together, infinities, values that
  // stand still or are absurd.
  std::vector<double> frames(const std::vector<double>& centre, const std::vector<double>& scale) {
    const std::size_t n = centre.size();
    std::vector<double> out;
    std::normal_distribution<double> noise;
    for (std::size_t row = 0; row < kRowsOfTest; ++row) {
      const double dark = row % 50 == 49 ? 0.6 : row % 10 > 5 ? 0.2 : 0;  // share of gaps
      for (std::size_t i = 0; i < n; ++i) {
        double z = noise(random_) + (row > 250 && row < 300 && i % 2 ? 4 : 0);
        if (row >= 150 && row < 170 && i % 3 == 0) z = 1;  // frozen
        if (row == 320) z = i % 2 ? 1e42 : -80;
        out.push_back(centre[i] + scale[i] * z);
        if (number(0, 1) < dark) out.back() = row % 2 ? kMissing : HUGE_VAL;
      }
    }
    return out;
  }

  void write(const std::string& path, const base::Bytes& bytes) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  std::string run(std::vector<std::string> arguments, base::Bytes input = {}) {
    os::ProcessOptions options;
    options.argv = std::move(arguments);
    options.input = std::move(input);
    options.time = 60 * base::kSecond;
    options.max_file_bytes = 16 << 20;
    const auto result = os::run_process(options);
    EXPECT_TRUE(result.ok() && result->succeeded())
        << (result.ok() ? result->error_tail : result.error().message());
    return result.ok() ? std::string(base::as_text(result->output)) : "";
  }
  Outputs run_onnx(const std::string& path, const std::vector<double>& frames, std::size_t rows) {
    base::Bytes input(frames.size() * sizeof(double));
    std::memcpy(input.data(), frames.data(), input.size());
    const std::string output =
        run({LANDER_VENV_PYTHON, "-B", LANDER_RUN_ONNX, path, std::to_string(rows / 3)},
            std::move(input));
    EXPECT_EQ(output.size(), (rows + 2 * frames.size()) * sizeof(double));
    std::vector<double> all(output.size() / sizeof(double));
    std::memcpy(all.data(), output.data(), all.size() * sizeof(double));
    all.resize(rows + 2 * frames.size());
    const auto shares = all.begin() + static_cast<std::ptrdiff_t>(rows);
    const auto expected = shares + static_cast<std::ptrdiff_t>(frames.size());
    return {{all.begin(), shares}, {shares, expected}, {expected, all.end()}};
  }

  void expect_equal(const Model& model, const std::vector<double>& frames) {
    const auto exported = to_onnx(model);
    ASSERT_TRUE(exported.ok()) << exported.error().message();
    write(folder_ + "/x.onnx", *exported);
    const std::size_t n = model.inputs.size(), rows = frames.size() / n;
    const Outputs got = run_onnx(folder_ + "/x.onnx", frames, rows);
    auto detector = std::move(*make_detector(model));
    std::size_t invalid = 0, alarms = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const Score& score = detector->score(std::span(frames).subspan(row * n, n), 0);
      invalid += !score.valid;
      alarms += score.score >= 1;
      EXPECT_EQ(std::isnan(got.scores[row]), !score.valid) << row;
      if (score.valid) expect_near(got.scores[row], score.score, "score", row);
      for (std::size_t i = 0; i < n; ++i) {
        expect_near(got.shares[row * n + i], score.shares[i], "share", row);
        expect_near(got.expected[row * n + i], score.expected[i], "expected", row);
      }
    }
    EXPECT_GT(invalid, 0u);
    EXPECT_GT(alarms, 0u);
    EXPECT_LT(alarms, rows / 2);
  }
  void expect_near(double got, double expected, const char* what, std::size_t row) {
    EXPECT_NEAR(got, expected, 1e-9 + 1e-6 * std::abs(expected)) << what << " of row " << row;
  }

  std::mt19937_64 random_{11};
  std::string folder_;
};

TEST_F(OnnxRuntimeTest, MewmaSaysTheSameOfEveryRow) {
  for (const std::size_t n : {1, 2, 40}) {
    const Mewma p = mewma(n);
    expect_equal(wrapped("mewma", n, encode(p)), frames(p.centre, p.scale));
  }
}

TEST_F(OnnxRuntimeTest, T2qSaysTheSameOfEveryRow) {
  for (const std::size_t n : {1, 2, 40}) {
    const T2q p = t2q(n);
    expect_equal(wrapped("t2q", n, encode(p)), frames(p.centre, p.scale));
  }
}

// The whole way of a data scientist: learn, detect and export with the program, run the export.
TEST_F(OnnxRuntimeTest, TheExportScoresAFileAsLanderDetectDoes) {
  const auto file = [&](const std::string& name, std::size_t rows, std::size_t fault) {
    std::ofstream out(folder_ + "/" + name);
    out << "time,Pressure [bar],Flow,Current\n";
    std::vector<double> values;
    for (std::size_t i = 0; i < rows; ++i) {
      const double load = std::sin(static_cast<double>(i) / 60);
      const double row[] = {5 + load + number(-0.05, 0.05),
                            80 + 8 * load + number(-1, 1) - (i >= fault ? 20 : 0),
                            12 + 2 * load + number(-0.2, 0.2)};
      out << i;
      for (const double value : row) {
        std::ostringstream text;
        text << value;
        const bool gap = i % 20 == 7 && value < 10;
        out << ',' << (gap ? "" : text.str());
        values.push_back(gap ? kMissing : std::stod(text.str()));
      }
      out << '\n';
    }
    return values;
  };
  file("healthy.csv", 4000, 9999);
  const std::vector<double> values = file("faulty.csv", 1000, 700);
  const std::string lander = LANDER_CLI, model = folder_ + "/m", onnx = folder_ + "/m.onnx";
  run({lander, "learn", folder_ + "/healthy.csv", "-o", model});
  run({lander, "model", "export", model, "-o", onnx});
  run({lander, "detect", folder_ + "/faulty.csv", "-m", model, "-o", folder_ + "/s.csv"});
  const Outputs got = run_onnx(onnx, values, values.size() / 3);
  std::ifstream scores(folder_ + "/s.csv");
  std::string line, time, score;
  std::getline(scores, line);
  double most = 0;
  for (const double mine : got.scores) {
    ASSERT_TRUE(std::getline(scores, line));
    std::istringstream cells(line);
    std::getline(std::getline(cells, time, ','), score, ',');
    EXPECT_EQ(score == "nan", std::isnan(mine)) << line;
    if (std::isnan(mine)) continue;
    EXPECT_NEAR(mine, std::stod(score), 5e-6 * mine) << line;  // six digits are written
    most = std::max(most, mine);
  }
  EXPECT_GT(most, 1) << "the fault was in it";
  EXPECT_FALSE(std::getline(scores, line));
}

}  // namespace
}  // namespace lander::model
