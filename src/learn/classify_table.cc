#include "learn/classify_table.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <random>

namespace lander::learn {
namespace {

constexpr std::uint64_t kSeed = 6;
constexpr std::size_t kLeastRows = 4;

double uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

void shuffle(Rows& rows, std::mt19937_64& random) {
  for (std::size_t i = rows.size(); i > 1; --i) {
    std::swap(rows[i - 1], rows[static_cast<std::size_t>(uniform(random) * double(i))]);
  }
}

base::Error invalid(const std::string& what) {
  return base::Error(base::Code::kInvalid, "classes cannot be learned: " + what);
}

// Each bias of Rocket from a row drawn at random.
template <class Row>
std::vector<float> draw_biases(std::size_t rows, const Row& row, model::Viewer& viewer,
                               model::View& view) {
  const std::size_t count = viewer.rocket();
  std::vector<float> biases(count);
  std::mt19937_64 random(kSeed);
  std::vector<double> draws(count);
  std::vector<std::size_t> from(count);
  for (std::size_t f = 0; f < count; ++f) {
    draws[f] = uniform(random);
    from[f] = static_cast<std::size_t>(uniform(random) * double(rows));
  }
  const auto chosen = std::make_unique<bool[]>(count);
  for (std::size_t i = 0; i < rows && count > 0; ++i) {
    bool any = false;
    for (std::size_t f = 0; f < count; ++f) any |= chosen[f] = from[f] == i;
    if (any) viewer.draw(row(i), {chosen.get(), count}, draws, biases, view);
  }
  return biases;
}

}  // namespace

base::Result<Rows> usable_rows(const Labelled& rows, std::vector<std::string>& classes) {
  const std::size_t columns = rows.inputs.size();
  if (columns == 0) return invalid("there is no column beside the label");
  if (columns > model::kMaxInputs) {
    return invalid(std::to_string(columns) + " columns; at most " +
                   std::to_string(model::kMaxInputs));
  }
  std::map<std::string, std::size_t> counts;
  Rows usable;
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const auto begin = rows.values.begin() + std::ptrdiff_t(r * columns);
    const bool any = std::any_of(begin, begin + std::ptrdiff_t(columns),
                                 [](double value) { return !std::isnan(value); });
    if (rows.labels[r].empty() || !any) continue;
    usable.push_back(static_cast<std::uint32_t>(r));
    ++counts[rows.labels[r]];
  }
  if (usable.empty()) return invalid("no row has a label and a value");
  if (counts.size() < 2) return invalid("every row is of class \"" + counts.begin()->first + "\"");
  if (counts.size() > model::kMaxClasses) {
    return invalid(std::to_string(counts.size()) + " classes, at most " +
                   std::to_string(model::kMaxClasses) + "; is the label a number?");
  }
  if (usable.size() < kLeastRows) {
    return invalid(std::to_string(usable.size()) + " labelled rows, at least " +
                   std::to_string(kLeastRows));
  }
  for (const auto& [name, count] : counts) {
    if (name.size() > 256) return invalid("a class' name of over 256 bytes");
    if (name == model::kUnknown) {
      return invalid(
          "a class is called \"" + name +
          "\", which is told of rows that fit no class: rename it, or leave the label of "
          "those rows empty");
    }
    classes.push_back(name);
  }
  return usable;
}

Table describe(const Labelled& rows, const Rows& usable, model::Classify& frame) {
  Table table;
  table.class_count = frame.classes.size();
  model::Viewer viewer(frame.layout);
  model::View view = viewer.empty();
  const std::size_t columns = rows.inputs.size();
  table.features = viewer.described();
  table.parts = viewer.parts();
  const auto row = [&](std::size_t i) {
    return std::span<const double>(&rows.values[usable[i] * columns], columns);
  };
  frame.biases = draw_biases(usable.size(), row, viewer, view);
  for (std::size_t i = 0; i < usable.size(); ++i) {
    viewer.look(row(i), frame.biases, view);
    const auto append = [](const std::vector<float>& one, std::vector<float>& all) {
      all.insert(all.end(), one.begin(), one.end());
    };
    append(view.described, table.all.described);
    append(view.outline, table.all.outline);
    const auto at =
        std::lower_bound(frame.classes.begin(), frame.classes.end(), rows.labels[usable[i]]);
    table.classes.push_back(static_cast<std::uint32_t>(at - frame.classes.begin()));
  }
  return table;
}

std::vector<std::size_t> folds_of(const Table& table, std::size_t folds) {
  std::mt19937_64 random(kSeed);
  Rows rows(table.rows());
  for (std::size_t r = 0; r < rows.size(); ++r) rows[r] = static_cast<std::uint32_t>(r);
  shuffle(rows, random);
  std::stable_sort(rows.begin(), rows.end(), [&](std::uint32_t a, std::uint32_t b) {
    return table.classes[a] < table.classes[b];
  });
  std::vector<std::size_t> fold(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) fold[rows[i]] = i % folds;
  return fold;
}

Rows some_of(const Table& table, const Rows& rows, std::size_t most) {
  if (rows.size() <= most) return rows;
  std::mt19937_64 random(kSeed + 1);
  Rows mixed = rows;
  shuffle(mixed, random);
  std::stable_sort(mixed.begin(), mixed.end(), [&](std::uint32_t a, std::uint32_t b) {
    return table.classes[a] < table.classes[b];
  });
  Rows some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(mixed[i * mixed.size() / most]);
  return some;
}

}  // namespace lander::learn
