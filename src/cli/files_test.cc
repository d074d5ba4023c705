// learn, detect, predict and model show on files: what stands in their tables and on stderr.
#include "cli/files.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/peer_test.h"
#include "cli/plot_data.h"

namespace lander::cli {
namespace {

class FilesTest : public CliTest {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  std::vector<std::string> lines(const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  // Two sensors that move together; from `fault` on the second one does not follow.
  std::string pump(int rows, int fault, const std::string& pressure = "Pressure [bar]",
                   double factor = 1) {
    std::ostringstream out;
    out << "time," << pressure << ",Flow\n";
    unsigned noise = 12345;
    const auto next = [&] {
      noise = noise * 1664525u + 1013904223u;
      return static_cast<double>(noise >> 8) / (1 << 24) - 0.5;
    };
    for (int i = 0; i < rows; ++i) {
      const double load = std::sin(i / 40.0) + 0.2 * next();
      const double flow = i >= fault ? 14 + next() : 10 + load + 0.1 * next();
      out << base::to_rfc3339(1'700'000'000 * base::kSecond + i * base::kSecond) << ','
          << factor * (5 + load + 0.1 * next()) << ',' << flow << '\n';
    }
    return out.str();
  }
};

TEST_F(FilesTest, AFaultIsFoundAndItsSensorNamed) {
  const std::string healthy = file("healthy.csv", pump(3000, 9999));
  const std::string model = folder_ + "/pump.model", scores = folder_ + "/scores.csv";
  ASSERT_EQ(lander({"learn", healthy, "-o", model}), 0) << err_;
  const std::string faulty = file("faulty.csv", pump(600, 400));
  ASSERT_EQ(lander({"detect", faulty, "-m", model, "-o", scores}), 0) << err_;
  const auto rows = lines(scores);
  ASSERT_EQ(rows.size(), 601u);
  EXPECT_EQ(rows[0], "time,score,alarm,change,cause");
  EXPECT_EQ(rows[1].substr(0, 21), "2023-11-14T22:13:20Z,");
  EXPECT_NE(rows[300].find(",0,0,"), std::string::npos) << rows[300];
  EXPECT_NE(rows[550].find(",1,0,Flow"), std::string::npos) << rows[550];
  EXPECT_NE(out_.find("Flow"), std::string::npos) << out_;
}

TEST_F(FilesTest, NoAnswerTakesThePlaceOfWhatIsReadWhateverItIsCalled) {
  const std::string text = pump(3000, 9999), data = file("data.csv", text);
  const std::string model = folder_ + "/pump.model", dotted = folder_ + "/./data.csv";
  const std::string link = folder_ + "/link.csv";
  std::remove(link.c_str());
  ASSERT_EQ(symlink(data.c_str(), link.c_str()), 0);
  ASSERT_EQ(lander({"learn", data, "-o", model}), 0) << err_;
  for (const std::string& over : {data, dotted, link}) {
    EXPECT_EQ(lander({"detect", data, "-o", over}), 2) << over;
    EXPECT_EQ(lander({"learn", data, "-o", over}), 2) << over;
  }
  EXPECT_EQ(lander({"detect", data, "-m", model, "-o", folder_ + "/./pump.model"}), 2);
  EXPECT_EQ(lander({"detect", data, "-o", folder_ + "/p.html", "--plot", folder_ + "/./p.html"}),
            2);
  EXPECT_EQ(lines(data).size(), 3001u);
  EXPECT_EQ(lander({"model", "show", model}), 0) << err_;
}

TEST_F(FilesTest, WhatIsLearnedIsWrittenOnlyIfItCanBeReadAgain) {
  const std::string text = pump(900, 9999), model = folder_ + "/weekly.model";
  std::remove(model.c_str());
  std::string timeless;
  std::istringstream rows(text);
  for (std::string line; std::getline(rows, line);)
    timeless += line.substr(line.find(',') + 1) + '\n';
  const std::string data = file("timeless.csv", timeless);
  EXPECT_EQ(lander({"learn", data, "--interval", "7d", "-o", model}), 1);
  EXPECT_NE(err_.find("at most 1d"), std::string::npos) << err_;
  EXPECT_FALSE(std::ifstream(model).good());
  EXPECT_EQ(lander({"learn", data, "--interval", "1d", "-o", model}), 0) << err_;
  EXPECT_EQ(lander({"model", "show", model}), 0) << err_;
}

TEST_F(FilesTest, APictureIsWholeWhateverItsNamesAreWrittenIn) {
  Plot plot;
  plot.title = "Fl\xFC ssigkeit.csv";  // Latin-1
  plot.x = {1, 2, 3};
  Panel classes;
  classes.title = "class";
  classes.names = {"xxxxxxxxxxxxx\u00e4", "\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6"};
  classes.low = classes.high = {0, 1, 0};
  plot.panels.push_back(classes);
  Panel score;
  score.score = true;
  score.low = score.high = {0, 1, 2};
  plot.panels.push_back(score);
  plot.alarms.push_back({1, 2, std::string(59, 'a') + "\u00e4", 2});
  const auto picture = plot_png(plot);
  ASSERT_TRUE(picture.ok()) << picture.error().message();
}

TEST_F(FilesTest, AnotherUnitOfASensorIsConvertedAndSaid) {
  const std::string model = folder_ + "/pump.model";
  ASSERT_EQ(lander({"learn", file("a.csv", pump(3000, 9999)), "-o", model}), 0) << err_;
  const std::string bar = folder_ + "/bar.csv", kilopascal = folder_ + "/kpa.csv";
  ASSERT_EQ(lander({"detect", file("b.csv", pump(300, 9999)), "-m", model, "-o", bar}), 0);
  ASSERT_EQ(lander({"detect", file("c.csv", pump(300, 9999, "Pressure (kPa)", 100)), "-m", model,
                    "-o", kilopascal}),
            0);
  EXPECT_NE(err_.find("Pressure from kPa to bar"), std::string::npos) << err_;
  const auto a = lines(bar), b = lines(kilopascal);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 1; i < a.size(); ++i) {
    const double one = std::stod(a[i].substr(21)), other = std::stod(b[i].substr(21));
    EXPECT_NEAR(one, other, 1e-3 + 1e-3 * one) << i;  // the text of the files is rounded
  }
  EXPECT_EQ(lander({"detect", file("d.csv", pump(300, 9999, "Pressure [Cel]")), "-m", model}), 1);
  EXPECT_NE(err_.find("Cel"), std::string::npos) << err_;
}

TEST_F(FilesTest, AModelOfOtherSensorsIsRefusedAndOneMissingSensorIsSaid) {
  const std::string model = folder_ + "/m";
  std::string three = "time,a,b,c\n";
  for (int i = 0; i < 3000; ++i) {
    const double x = std::sin(i / 30.0), y = std::cos(i / 17.0);
    three += std::to_string(i) + "," + std::to_string(x) + "," + std::to_string(y) + "," +
             std::to_string(x + y + 0.01 * (i * 7919 % 13)) + "\n";
  }
  ASSERT_EQ(lander({"learn", file("three.csv", three), "-o", model}), 0) << err_;
  EXPECT_EQ(lander({"detect", file("x.csv", "time,x,y\n1,2,3\n2,2,3\n"), "-m", model}), 1);
  EXPECT_NE(err_.find("3 of the model's 3 inputs are not in it"), std::string::npos) << err_;
  EXPECT_EQ(lander({"detect", file("ab.csv", "time,a,b\n1,0,1\n2,0,1\n"), "-m", model}), 0) << err_;
  EXPECT_NE(err_.find("1 of 3 inputs are missing"), std::string::npos) << err_;
}

TEST_F(FilesTest, WithoutAModelEachRowIsJudgedByWhatCameBefore) {
  std::string text = pump(800, 9999);
  ASSERT_EQ(lander({"detect", file("long.csv", text)}), 0) << err_;
  const std::string whole = out_;
  std::size_t end = 0;
  for (int i = 0; i < 401; ++i) end = text.find('\n', end) + 1;
  ASSERT_EQ(lander({"detect", file("short.csv", text.substr(0, end))}), 0) << err_;
  EXPECT_EQ(whole.substr(0, out_.size()), out_);
}

TEST_F(FilesTest, JsonSumsUpAndWritesNoTableToStdout) {
  const std::string csv = file("a.csv", pump(500, 9999));
  ASSERT_EQ(lander({"detect", csv, "--json"}), 0) << err_;
  const Json told = Json::parse(out_);
  EXPECT_EQ(told["rows"], 500);
  EXPECT_TRUE(told["notes"].is_array());
  EXPECT_EQ(lander({"detect", csv, "--json", "-o", "-"}), 2);
}

TEST_F(FilesTest, WrongCallsSayWhatIsRightAndLeaveNoFile) {
  const std::string csv = file("a.csv", pump(50, 9999)), out = folder_ + "/out";
  const struct {
    std::vector<std::string> arguments;
    int code;
    std::string said;
  } rows[] = {
      {{"learn"}, 2, "CSV files, or --asset"},
      {{"learn", csv}, 2, "-o MODEL is missing"},
      {{"learn", csv, "-o", csv}, 2, "would write over another file"},
      {{"learn", csv, "-o", "/dev/null"}, 2, "is a device"},
      {{"detect", csv, "--plot", "/dev/x.png"}, 2, "is a device"},
      {{"learn", csv, "--asset", "a", "-o", out}, 2, "which of them?"},
      {{"learn", csv, "-o", out, "--kind", "life"}, 2, "--unit COL"},
      {{"learn", csv, "-o", out, "--kind", "class"}, 2, "--label COL"},
      {{"detect", csv, "--false-alarms", "often"}, 2, "1/30d"},
      {{"detect", csv, "--plot", "x.gif"}, 2, ".html or .png"},
      {{"detect", csv, "-o", csv}, 2, "would write over what is read"},
      {{"detect", folder_, "-o", out}, 1, "this is a folder"},
      {{"detect", folder_ + "/none.csv", "-o", out}, 1, "No such file"},
      {{"detect", csv, "-m", csv, "-o", out}, 1, "does not start with LANDMDL1"},
      {{"model", "export", csv, "-o", out}, 1, "does not start with LANDMDL1"},
      {{"model", "show", folder_ + "/none.model"}, 1, "no such file"},
      {{"model", "export", csv, "-o", csv}, 2, "would write over what is read"},
      {{"model", "export", csv}, 2, "--out"},
      {{"learn", csv, "-o", out}, 1, "not ready to learn"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(lander(row.arguments), row.code) << row.said << err_;
    EXPECT_NE(err_.find(row.said), std::string::npos) << row.said << "\n" << err_;
    EXPECT_FALSE(os::system_files().exists(out)) << row.said;
  }
}

TEST_F(FilesTest, AModelFileIsShownAndHasACard) {
  const std::string model = folder_ + "/pump.model";
  ASSERT_EQ(lander({"learn", file("a|b.csv", pump(3000, 9999)), "-o", model}), 0) << err_;
  ASSERT_EQ(lander({"model", "show", model}), 0) << err_;
  EXPECT_NE(out_.find("Pressure"), std::string::npos) << out_;
  ASSERT_EQ(lander({"model", "show", "--card", model}), 0) << err_;
  for (const char* part : {"# Model card", "## Trained on", "## How good it is", "## Limits",
                           "| Pressure | bar |", "## Lineage", "lander detect CSV -m"})
    EXPECT_NE(out_.find(part), std::string::npos) << part << "\n" << out_;
}

TEST_F(FilesTest, APlotIsOnePageThatNeedsNoNetworkAndCannotBeBrokenByANameInTheFile) {
  std::string text = pump(500, 300);
  text.replace(text.find("Flow"), 4, "</script><b>");
  const std::string page = folder_ + "/p.html";
  ASSERT_EQ(lander({"detect", file("a.csv", text), "--plot", page, "-o", folder_ + "/s"}), 0)
      << err_;
  std::stringstream html;
  html << std::ifstream(page).rdbuf();
  EXPECT_EQ(html.str().find("src="), std::string::npos);
  EXPECT_EQ(html.str().find("</script><b>"), std::string::npos);
  EXPECT_NE(html.str().find("\\u003c/script>\\u003cb>"), std::string::npos);
  ASSERT_EQ(
      lander({"detect", file("b.csv", text), "--plot", folder_ + "/p.png", "-o", folder_ + "/s"}),
      0);
  std::ifstream png(folder_ + "/p.png");
  char first[4] = {};
  png.read(first, 4);
  EXPECT_EQ(std::string(first, 4), "\x89PNG");
}

TEST(PlotData, KeepsEveryPeakOfALongSeriesInBoundedMemory) {
  PlotData data(1);
  for (int i = 0; i < 100'000; ++i) {
    const double value = i == 54'321 ? 9 : i % 2;
    data.add(i, std::span<const double>(&value, 1), {});
  }
  EXPECT_LE(data.x(false).size(), 4096u);
  const auto high = data.high(0);
  EXPECT_EQ(*std::max_element(high.begin(), high.end()), 9);
  EXPECT_EQ(data.rows_a_point() * data.x(false).size() >= 100'000, true);
}

TEST(Rate, IsReadAsPeopleSayIt) {
  EXPECT_DOUBLE_EQ(*parse_rate("1/30d"), 1.0 / 30);
  EXPECT_DOUBLE_EQ(*parse_rate("0.5/day"), 0.5);
  EXPECT_DOUBLE_EQ(*parse_rate("2/7d"), 2.0 / 7);
  EXPECT_DOUBLE_EQ(*parse_rate("1/month"), 1.0 / 30);
  for (const char* wrong : {"", "1", "1/0d", "x/1d", "0/1d", "-1/1d", "1/fortnight", "nan/1d"})
    EXPECT_FALSE(parse_rate(wrong).ok()) << wrong;
}

}  // namespace
}  // namespace lander::cli
