// sql: the hub's lake answers.
#include <nlohmann/json.hpp>

#include "cli/command.h"

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

base::Status ask(Session& session, const std::string& sql, bool csv) {
  LANDER_TRY(session.need("hub"));
  LANDER_ASSIGN(const Json answer, session.post("/api/v1/sql", {{"sql", sql}}));
  if (session.json) {
    session.raw(answer);
    return {};
  }
  const Json& rows = member(answer, "rows");
  if (csv) {
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
  auto sql = std::make_shared<std::string>();
  auto csv = std::make_shared<bool>(false);
  auto* asking =
      commands.add("sql", "Ask the hub's lake", kDaily,
                   "lander sql \"SELECT site, datastream, count(*) FROM observation GROUP BY ALL\"",
                   [sql, csv](Session& session) { return ask(session, *sql, *csv); });
  asking->add_option("SQL", *sql, "DuckDB's SQL over the tenant's tables")->required();
  asking->add_flag("--csv", *csv, "Comma-separated values");
}

}  // namespace lander::cli
