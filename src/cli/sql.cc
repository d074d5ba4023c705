// sql: the hub's lake answers.
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/recipient.h"

namespace lander::cli {
namespace {

std::string csv_value(const Json& value) { return value.is_null() ? "" : value_text(value); }

void say_csv(Session& session, const Json& answer) {
  std::vector<std::string> names;
  for (const auto& column : member(answer, "columns")) names.push_back(text_of(column, "name"));
  session.say(csv_line(names));
  for (const auto& row : member(answer, "rows")) {
    std::vector<std::string> fields;
    for (const auto& value : row)
      fields.push_back(value.is_number_float() ? value.dump() : csv_value(value));
    session.say(csv_line(fields));
  }
}

struct Asked {
  std::string sql, lake;
  bool csv = false;
};

// Of the lake in a recipient's folder.
base::Result<Json> ask_own(Session& session, const Asked& asked) {
  World& world = session.world;
  LANDER_ASSIGN(const Recipient recipient, Recipient::open(world, asked.lake));
  LANDER_ASSIGN(const std::string tenant, recipient.tenant());
  if (!world.lakes.ask) {
    if (!world.become_parquet)
      return base::Error(base::Code::kUnsupported, "this program has no SQL of its own");
    return world.become_parquet().context("SQL needs the program lander-parquet beside this one");
  }
  LANDER_ASSIGN(const std::string text,
                world.lakes.ask(recipient.lake_folder() + "/" + tenant, asked.sql));
  return Json::parse(text, nullptr, false);
}

base::Result<Json> ask_hub(Session& session, const std::string& sql) {
  LANDER_TRY(session.need("hub"));
  return session.post("/api/v1/sql", {{"sql", sql}});
}

base::Status ask(Session& session, const Asked& asked) {
  LANDER_ASSIGN(const Json answer,
                asked.lake.empty() ? ask_hub(session, asked.sql) : ask_own(session, asked));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  const Json& rows = member(answer, "rows");
  if (asked.csv) {
    say_csv(session, answer);
  } else {
    std::vector<std::string> heads;
    const Json& first = rows.empty() ? Json() : rows.front();
    for (const auto& column : member(answer, "columns")) {
      const std::size_t at = heads.size();
      const bool number = first.is_array() && at < first.size() && first[at].is_number();
      heads.push_back((number ? ">" : "") + text_of(column, "name"));
    }
    Table table(heads);
    for (const auto& row : rows) {
      std::vector<Cell> cells;
      for (const auto& value : row) cells.emplace_back(value_text(value));
      table.add(std::move(cells));
    }
    session.say(table);
    session.say(painted(plural(static_cast<std::int64_t>(rows.size()), "row", "rows") + ", " +
                            number_text(number_of(answer, "ms").value_or(0)) + " ms",
                        Paint::kDim, session.colour()) +
                "\n");
  }
  if (flag_of(answer, "truncated"))
    session.note("There is more than was sent: aggregate, or add a LIMIT.");
  return {};
}

}  // namespace

void add_sql(Commands& commands) {
  auto asked = std::make_shared<Asked>();
  auto* asking =
      commands.add("sql", "Ask the hub's lake", kDaily,
                   "lander sql \"SELECT site, datastream, count(*) FROM observation GROUP BY ALL\"",
                   [asked](Session& session) { return ask(session, *asked); });
  asking->add_option("SQL", asked->sql, "DuckDB's SQL over the tenant's tables")->required();
  asking->add_option("--lake", asked->lake, "A recipient's folder; no hub is asked");
  asking->add_flag("--csv", asked->csv, "Comma-separated values");
}

}  // namespace lander::cli
