// detect, predict; and the part of learn that is about files.
#include "cli/files_commands.h"

#include "cli/files_detect.h"
#include "cli/files_predict.h"

namespace lander::cli {
namespace {

CLI::Validator is_rate() {
  return CLI::Validator(
      [](std::string& text) {
        const auto parsed = parse_rate(text);
        return parsed.ok() ? std::string() : parsed.error().message();
      },
      "1/30d", "rate");
}

void add_file_options(CLI::App* command, FileOptions& options) {
  command
      ->add_option("--ignore", options.ignore,
                   "Columns that are no sensors: A,B; by name, or number from 1")
      ->type_name("COLS");
  command
      ->add_option("--time", options.time,
                   "The column of the time, by name or number; without: it is found")
      ->type_name("COL");
}

void add_plot(CLI::App* command, std::string& plot) {
  command->add_option("--plot", plot, "A picture: .html to look into, or .png")->type_name("FILE");
}

void add_interval(CLI::App* command, FileOptions& options) {
  command
      ->add_option("--interval", options.interval,
                   "Between two rows of a file without times (default 1s)")
      ->check(is_duration());
}

}  // namespace

void add_learn_options(CLI::App* command, LearnOrder& order) {
  command->add_option("CSV", order.files, "Files to learn from: each is one run")->type_name("");
  command->add_option("-o,--out", order.out, "Where the model goes")->type_name("MODEL");
  command
      ->add_option("--kind", order.kind,
                   "normal: what is usual (default); life: when it fails; class: what it is")
      ->check(CLI::IsMember({"normal", "life", "class"}))
      ->type_name("KIND");
  command->add_option("--unit", order.unit, "Of kind life: the column of the unit")
      ->type_name("COL");
  command->add_option("--label", order.label, "Of kind class: the column of the class")
      ->type_name("COL");
  command->add_option("--false-alarms", order.rate, "How many at most (default 1/30d)")
      ->check(is_rate());
  add_file_options(command, order.options);
}

void add_files(Commands& commands) {
  auto detect = std::make_shared<DetectOrder>();
  auto* detecting = commands.add(
      "detect", "What is unusual in a CSV file: score, alarm, change and cause of each row", kFiles,
      "lander detect pump.csv -o scores.csv --ignore anomaly --plot pump.html\n"
      "  lander detect tuesday.csv -m pump.model -o scores.csv",
      [detect](Session& session) { return detect_file(session, *detect); });
  detecting->add_option("CSV", detect->file, "The file; its rows are read once, in their order")
      ->type_name("")
      ->required();
  detecting
      ->add_option("-m,--model", detect->model,
                   "Made by `lander learn`; without: it learns as it goes, from the past only")
      ->type_name("MODEL");
  detecting->add_option("-o,--out", detect->out, "Where the table goes; without, or -: stdout")
      ->type_name("SCORES.csv");
  detecting
      ->add_option("--false-alarms", detect->rate,
                   "How many at most (default: the model's, else 1/30d)")
      ->check(is_rate());
  add_plot(detecting, detect->plot);
  add_file_options(detecting, detect->options);
  add_interval(detecting, detect->options);

  auto predict = std::make_shared<PredictOrder>();
  auto* predicting =
      commands.add("predict", "Remaining life, or class, of each row of a CSV file", kFiles,
                   "lander predict engines.csv -m engines.model -o life.csv",
                   [predict](Session& session) { return predict_file(session, *predict); });
  predicting->add_option("CSV", predict->file, "The file")->type_name("")->required();
  predicting
      ->add_option("-m,--model", predict->model, "Made by `lander learn --kind life` or class")
      ->type_name("MODEL")
      ->required();
  predicting->add_option("-o,--out", predict->out, "Where the table goes; without, or -: stdout")
      ->type_name("OUT.csv");
  add_plot(predicting, predict->plot);
  add_file_options(predicting, predict->options);
}

}  // namespace lander::cli
