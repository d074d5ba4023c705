// Exported detectors as files; what ONNX Runtime makes of them: tests/onnx.
#include "model/onnx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "model/mewma.h"
#include "model/t2q.h"

namespace lander::model {
namespace {

Model model_of(const char* method, std::size_t inputs, base::Bytes body) {
  Model model;
  for (std::size_t i = 0; i < inputs; ++i)
    model.inputs.push_back({"sensor " + std::to_string(i), 1, "", "bar", 0, 1});
  model.lineage.method = method;
  model.body = std::move(body);
  return model;
}

Model mewma_of(std::size_t n) {
  Mewma p;
  p.centre.assign(n, 5);
  p.scale.assign(n, 2);
  p.mean.assign(n, 0);
  p.middle.assign(n, 5);
  p.tolerance.assign(n, 3);
  p.frozen_frames.assign(n, 60);
  p.whiten.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) p.whiten[i * n + i] = 1;
  return model_of("mewma", n, encode(p));
}

Model t2q_of(std::size_t n) {
  T2q p;
  p.centre.assign(n, 5);
  p.scale.assign(n, 2);
  p.variances.assign(n, 1);
  p.frozen_frames.assign(n, 0);
  p.vectors.assign(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) p.vectors[i * n + i] = 1;
  return model_of("t2q", n, encode(p));
}

// A message of protocol buffers: what has a length, by field. Fails the test when it is cut short.
using Fields = std::multimap<std::uint64_t, std::string_view>;

std::uint64_t varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (int shift = 0; !in.empty() && shift < 64; shift += 7) {
    const auto byte = static_cast<unsigned char>(in.front());
    in.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  ADD_FAILURE() << "a number without end";
  return 0;
}

Fields fields_of(std::string_view in) {
  Fields fields;
  while (!in.empty() && !testing::Test::HasFailure()) {
    const std::uint64_t key = varint(in);
    if ((key & 7) == 0) {
      varint(in);
      continue;
    }
    EXPECT_EQ(key & 7, 2u);
    const std::uint64_t size = varint(in);
    if (size > in.size()) {
      ADD_FAILURE() << "a field of " << size << " bytes, but " << in.size() << " are left";
      break;
    }
    fields.emplace(key >> 3, in.substr(0, size));
    in.remove_prefix(size);
  }
  return fields;
}

std::vector<std::string> texts(const Fields& fields, std::uint64_t field) {
  std::vector<std::string> out;
  for (auto [it, end] = fields.equal_range(field); it != end; ++it) out.emplace_back(it->second);
  return out;
}

// Adds what the graph defines to `known`; every value must be defined once, before it is read.
void check_graph(std::string_view graph, std::set<std::string> known, std::set<std::string>& ever) {
  const Fields fields = fields_of(graph);
  std::set<std::string> inputs;
  const auto define = [&](const std::string& name) {
    EXPECT_TRUE(ever.insert(name).second) << name << " is defined twice";
    known.insert(name);
  };
  for (const std::string& input : texts(fields, 11)) {
    inputs.insert(texts(fields_of(input), 1).at(0));
    define(texts(fields_of(input), 1).at(0));
  }
  for (const std::string& tensor : texts(fields, 5)) {
    const std::string name = texts(fields_of(tensor), 8).at(0);
    if (!inputs.contains(name)) define(name);  // else the value of an input that is left out
  }
  for (const std::string& node : texts(fields, 1)) {
    const Fields of = fields_of(node);
    for (const std::string& input : texts(of, 1))
      EXPECT_TRUE(input.empty() || known.contains(input))
          << input << " is read by " << texts(of, 3)[0];
    for (const std::string& attribute : texts(of, 5)) {
      for (const std::string& body : texts(fields_of(attribute), 6)) check_graph(body, known, ever);
    }
    for (const std::string& output : texts(of, 2)) define(output);
  }
  for (const std::string& output : texts(fields, 12))
    EXPECT_TRUE(known.contains(texts(fields_of(output), 1).at(0)));
}

TEST(Onnx, EveryValueOfTheGraphIsDefinedOnceBeforeItIsReadAndTheSameModelGivesTheSameBytes) {
  for (const std::size_t n : {1, 40}) {
    for (const Model& model : {mewma_of(n), t2q_of(n)}) {
      const auto exported = to_onnx(model);
      ASSERT_TRUE(exported.ok()) << exported.error().message();
      EXPECT_EQ(*to_onnx(model), *exported);
      const Fields file = fields_of(base::as_text(*exported));
      ASSERT_EQ(file.count(7), 1u);
      std::set<std::string> ever;
      check_graph(file.find(7)->second, {}, ever);
      for (const char* name : {"frames", "state", "scores", "shares", "expected", "next_state"})
        EXPECT_TRUE(ever.contains(name)) << name;
    }
  }
}

TEST(Onnx, TheFileTellsWhichModelItIsOfWhichInputs) {
  Model model = mewma_of(2);
  model.inputs[1].datastream = "flow \"A\"\n\\";
  model.false_alarms_per_day = 1.0 / 30;
  const auto exported = to_onnx(model);
  ASSERT_TRUE(exported.ok());
  std::map<std::string, std::string> told;
  for (const std::string& entry : texts(fields_of(base::as_text(*exported)), 14)) {
    const Fields fields = fields_of(entry);
    told[texts(fields, 1).at(0)] = texts(fields, 2).at(0);
  }
  EXPECT_EQ(told["digest"], digest(encode(model)));
  EXPECT_EQ(told["method"], "mewma");
  EXPECT_EQ(
      told["inputs"],
      R"([{"name": "sensor 0", "unit": "bar"}, {"name": "flow \"A\"\u000a\\", "unit": "bar"}])");
  EXPECT_EQ(std::stod(told["false_alarms_per_day"]), 1.0 / 30);
}

TEST(Onnx, WhatHasNoOnnxFormIsRefusedWithTheReason) {
  for (const char* kind : {"life", "class"}) {
    const auto exported = to_onnx(model_of(kind, 2, {}));
    ASSERT_FALSE(exported.ok());
    EXPECT_EQ(exported.error().code(), base::Code::kUnsupported);
    EXPECT_NE(exported.error().message().find("no ONNX form"), std::string::npos);
  }
  EXPECT_EQ(to_onnx(model_of("dream", 2, {})).error().code(), base::Code::kUnsupported);
  EXPECT_FALSE(to_onnx(model_of("mewma", 2, {})).ok());
  Model model = mewma_of(2);
  model.inputs.pop_back();
  EXPECT_EQ(to_onnx(model).error().code(), base::Code::kInvalid);
}

}  // namespace
}  // namespace lander::model
