#include "lake/delta.h"

#include <algorithm>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "os/log.h"

namespace lander::lake {
namespace {

using base::Code;
using base::Error;
using nlohmann::json;

std::string log_folder(const std::string& table_folder) { return table_folder + "/_delta_log"; }

std::string digits(std::int64_t version) {
  char text[32];
  std::snprintf(text, sizeof text, "%020lld", static_cast<long long>(version));
  return text;
}

std::string checkpoint_path(const std::string& table_folder, std::int64_t version) {
  return log_folder(table_folder) + '/' + digits(version) + ".checkpoint.parquet";
}

// No-throw access: what another program wrote may lack anything.
std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::int64_t integer_at(const json& object, const char* key, std::int64_t fallback) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number_integer() ? at->get<std::int64_t>() : fallback;
}

base::Result<std::string> decode_path(std::string_view encoded) {
  std::string out;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      out += encoded[i];
      continue;
    }
    auto byte = base::from_hex(encoded.substr(i + 1, 2));
    if (!byte.ok() || byte->size() != 1)
      return Error(Code::kCorrupt, "bad percent encoding in path " + std::string(encoded));
    out += static_cast<char>((*byte)[0]);
    i += 2;
  }
  const bool outside = out.empty() || out[0] == '/' || out.find(':') != std::string::npos ||
                       ("/" + out + "/").find("/../") != std::string::npos;
  if (outside)
    return Error(Code::kUnsupported, "the file \"" + out + "\" stands outside the table's folder");
  return out;
}

base::Status apply_add(const json& add, Snapshot& snapshot) {
  if (add.contains("deletionVector") && !add["deletionVector"].is_null())
    return Error(Code::kUnsupported, "the table uses deletion vectors");
  LANDER_ASSIGN(std::string path, decode_path(text_at(add, "path")));
  DataFile file;
  file.bytes = static_cast<std::uint64_t>(integer_at(add, "size", 0));
  file.modified_ms = integer_at(add, "modificationTime", 0);
  file.stats = text_at(add, "stats");
  const json stats = json::parse(file.stats, nullptr, false);
  if (stats.is_object())
    file.rows =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer_at(stats, "numRecords", 0)));
  file.path = path;
  snapshot.removed.erase(path);
  snapshot.files[std::move(path)] = std::move(file);
  return {};
}

base::Status apply_action(const json& action, Snapshot& snapshot) {
  if (!action.is_object() || action.size() != 1 || !action.begin()->is_object())
    return Error(Code::kCorrupt, "a line is not one action");
  const std::string& kind = action.begin().key();
  const json& body = *action.begin();
  if (kind == "protocol") {
    if (integer_at(body, "minReaderVersion", 99) > 1)
      return Error(Code::kUnsupported,
                   "another program raised the table's protocol: " + body.dump());
    snapshot.protocol = body.dump();
  } else if (kind == "metaData") {
    if (body.contains("partitionColumns") && !body["partitionColumns"].empty())
      return Error(Code::kUnsupported, "another program partitioned the table");
    snapshot.metadata = body.dump();
  } else if (kind == "txn") {
    snapshot.txns[text_at(body, "appId")] = integer_at(body, "version", -1);
  } else if (kind == "add") {
    return apply_add(body, snapshot);
  } else if (kind == "remove") {
    LANDER_ASSIGN(const std::string path, decode_path(text_at(body, "path")));
    snapshot.files.erase(path);
    snapshot.removed[path] = integer_at(body, "deletionTimestamp", INT64_MAX);
  }
  return {};
}

base::Status apply_commit(std::string_view text, Snapshot& snapshot) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \r\t") == std::string_view::npos) continue;
    const json action = json::parse(line, nullptr, false);
    if (action.is_discarded()) return Error(Code::kCorrupt, "a line is not JSON");
    LANDER_TRY(apply_action(action, snapshot));
  }
  return {};
}

std::string text_of(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text ? *text : std::string();
}

base::Status read_checkpoint(Session& session, const std::string& path, std::int64_t version,
                             Snapshot& snapshot) {
  auto rows = session.query(
      "SELECT to_json(add)::VARCHAR, txn.appId, txn.version::BIGINT, to_json(protocol)::VARCHAR, "
      "to_json(metaData)::VARCHAR, to_json(remove)::VARCHAR FROM read_parquet(" +
      sql_literal(path) + ")");
  if (!rows.ok()) return rows.error().context("reading checkpoint " + path);
  const auto apply = [&](const char* kind, const Value& body) -> base::Status {
    if (text_of(body).empty() || text_of(body) == "null") return {};
    json parsed = json::parse(text_of(body), nullptr, false);
    if (parsed.is_object())
      for (auto at = parsed.begin(); at != parsed.end();)
        at = at->is_null() ? parsed.erase(at) : std::next(at);
    return apply_action(json{{kind, std::move(parsed)}}, snapshot);
  };
  for (const auto& row : *rows) {
    LANDER_TRY(apply("add", row[0]));
    LANDER_TRY(apply("protocol", row[3]));
    LANDER_TRY(apply("metaData", row[4]));
    LANDER_TRY(apply("remove", row[5]));
    if (const auto* txn = std::get_if<std::int64_t>(&row[2])) snapshot.txns[text_of(row[1])] = *txn;
  }
  snapshot.version = version;
  return {};
}

// Where replaying starts: after the last checkpoint, or else before version 0.
base::Status start(os::Files& files, Session& session, const std::string& table_folder,
                   std::int64_t until, Snapshot& snapshot) {
  auto pointer = files.read(log_folder(table_folder) + "/_last_checkpoint", 1u << 20);
  if (!pointer.ok()) {
    if (pointer.error().code() == Code::kNotFound) return {};
    return pointer.error();
  }
  const json parsed = json::parse(base::as_text(*pointer), nullptr, false);
  const std::int64_t version = parsed.is_object() ? integer_at(parsed, "version", -1) : -1;
  if (version < 0 || version > until || parsed.contains("parts")) return {};
  const std::string path = checkpoint_path(table_folder, version);
  base::Status read = read_checkpoint(session, path, version, snapshot);
  if (read.ok()) return {};
  if (!files.exists(log_path(table_folder, 0))) return read;
  os::log_warn("lake", "checkpoint is not readable, replaying the log",
               {{"path", path}, {"error", read.error().message()}});
  snapshot = Snapshot();
  return {};
}

json action_of(const DataFile& file, bool data_change) {
  json add = {{"path", file.path},
              {"partitionValues", json::object()},
              {"size", file.bytes},
              {"modificationTime", file.modified_ms},
              {"dataChange", data_change}};
  if (!file.stats.empty()) add["stats"] = file.stats;
  return {{"add", std::move(add)}};
}

json removal_of(const std::string& path, std::int64_t time_ms) {
  return {{"remove", {{"path", path}, {"deletionTimestamp", time_ms}, {"dataChange", false}}}};
}

std::string commit_text(const Commit& commit) {
  const bool appends = !commit.application.empty();
  json info = {{"timestamp", commit.now_ms},
               {"operation", appends ? "WRITE" : "OPTIMIZE"},
               {"operationParameters", json::object()},
               {"isBlindAppend", appends},
               {"engineInfo", "lander/" LANDER_VERSION}};
  if (appends) info["operationParameters"]["mode"] = "Append";
  std::string out = json{{"commitInfo", std::move(info)}}.dump() + '\n';
  if (appends) {
    out += json{{"txn",
                 {{"appId", commit.application},
                  {"version", commit.txn},
                  {"lastUpdated", commit.now_ms}}}}
               .dump() +
           '\n';
  }
  for (const std::string& path : commit.remove)
    out += removal_of(path, commit.now_ms).dump() + '\n';
  if (commit.add) out += action_of(*commit.add, appends).dump() + '\n';
  return out;
}

bool still_fits(const Snapshot& state, const Commit& commit) {
  const auto txn = state.txns.find(commit.application);
  if (txn != state.txns.end() && txn->second >= commit.txn) return false;
  return std::all_of(commit.remove.begin(), commit.remove.end(),
                     [&](const std::string& path) { return state.files.contains(path); });
}

void apply(const Commit& commit, Snapshot& state) {
  ++state.version;
  if (!commit.application.empty()) state.txns[commit.application] = commit.txn;
  for (const std::string& path : commit.remove) {
    state.files.erase(path);
    state.removed[path] = commit.now_ms;
  }
  if (commit.add) state.files[commit.add->path] = *commit.add;
}

std::string checkpoint_lines(const Snapshot& snapshot) {
  std::string out =
      R"({"protocol":)" + snapshot.protocol + "}\n" + R"({"metaData":)" + snapshot.metadata + "}\n";
  for (const auto& [application, version] : snapshot.txns)
    out += json{{"txn", {{"appId", application}, {"version", version}}}}.dump() + '\n';
  for (const auto& [path, file] : snapshot.files) {
    out += action_of(file, false).dump() + '\n';  // the protocol's rule for checkpoints
  }
  for (const auto& [path, time_ms] : snapshot.removed)
    out += removal_of(path, time_ms).dump() + '\n';
  return out;
}

constexpr char kCheckpointColumns[] =
    "{txn: 'STRUCT(appId VARCHAR, version BIGINT, lastUpdated BIGINT)',"
    " add: 'STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT,"
    " modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR)',"
    " remove: 'STRUCT(path VARCHAR, deletionTimestamp BIGINT, dataChange BOOLEAN)',"
    " metaData: 'STRUCT(id VARCHAR, name VARCHAR, description VARCHAR,"
    " format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR,"
    " partitionColumns VARCHAR[], configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)',"
    " protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)'}";

}  // namespace

std::string log_path(const std::string& table_folder, std::int64_t version) {
  return log_folder(table_folder) + '/' + digits(version) + ".json";
}

std::string encode_stats(const Extent& extent) {
  json least = json::object(), most = json::object(), nulls = json::object();
  for (const auto& [column, range] : extent.texts) {
    least[column] = range.first;
    most[column] = range.second;
    nulls[column] = 0;
  }
  for (const auto& [column, range] : extent.times) {
    least[column] = delta_time(range.first);
    most[column] = delta_time(range.second);
    nulls[column] = 0;
  }
  return json{
      {"numRecords", extent.rows}, {"minValues", least}, {"maxValues", most}, {"nullCount", nulls}}
      .dump();
}

bool may_hold(const DataFile& file, std::string_view site, std::string_view datastream,
              base::TimeUs from, base::TimeUs to) {
  const json stats = json::parse(file.stats, nullptr, false);
  if (!stats.is_object() || !stats.contains("minValues") || !stats.contains("maxValues"))
    return true;
  const json& least = stats["minValues"];
  const json& most = stats["maxValues"];
  if (!least.is_object() || !most.is_object()) return true;
  const auto outside = [&](const char* column, std::string_view value) {
    const std::string low = text_at(least, column), high = text_at(most, column);
    return !low.empty() && !high.empty() && (value < low || value > high);
  };
  // The datastream's range is of the whole file, not of this site's part: still a sound bound.
  if (outside("site", site) || outside("datastream", datastream)) return false;
  const auto low = base::parse_rfc3339(text_at(least, "time"));
  const auto high = base::parse_rfc3339(text_at(most, "time"));
  // Other writers cut the greatest time to milliseconds.
  return !low.ok() || !high.ok() || (*low<to&& * high + base::kMillisecond> from);
}

base::Status advance(os::Files& files, Session& session, const std::string& table_folder,
                     std::int64_t until, Snapshot& snapshot) {
  if (snapshot.version < 0) LANDER_TRY(start(files, session, table_folder, until, snapshot));
  while (snapshot.version < until) {
    const std::string path = log_path(table_folder, snapshot.version + 1);
    auto text = files.read(path, kMaxLogFile);
    if (!text.ok() && text.error().code() == Code::kNotFound) break;
    if (!text.ok()) return text.error();
    if (auto applied = apply_commit(base::as_text(*text), snapshot); !applied.ok())
      return applied.error().context(path);
    ++snapshot.version;
  }
  return {};
}

base::Result<bool> commit(os::Files& files, Session& session, const std::string& table_folder,
                          const Commit& commit, Snapshot& state) {
  const std::string text = commit_text(commit);
  constexpr int kMostRivals = 1000;  // commits of others between two of our attempts
  for (int attempt = 0; attempt < kMostRivals; ++attempt) {
    if (!still_fits(state, commit)) return false;
    base::Status created =
        files.create_durably(log_path(table_folder, state.version + 1), base::as_bytes(text));
    if (created.ok()) {
      apply(commit, state);
      return true;
    }
    if (created.error().code() != Code::kExists) return created.error();
    LANDER_TRY(advance(files, session, table_folder, kNewest, state));
  }
  return Error(Code::kUnavailable, "other writers kept " + table_folder + " busy; try again");
}

base::Status create_table(os::Files& files, const std::string& table_folder, Table table,
                          std::string_view uuid, std::int64_t now_ms) {
  LANDER_TRY(files.make_folders(log_folder(table_folder)));
  const json protocol = {{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}};
  const json metadata = {{"metaData",
                          {{"id", uuid},
                           {"name", name_of(table)},
                           {"description", meaning_of(table)},
                           {"format", {{"provider", "parquet"}, {"options", json::object()}}},
                           {"schemaString", delta_schema(table)},
                           {"partitionColumns", json::array()},
                           {"configuration", json::object()},
                           {"createdTime", now_ms}}}};
  const std::string text = protocol.dump() + '\n' + metadata.dump() + '\n';
  return files.create_durably(log_path(table_folder, 0), base::as_bytes(text));
}

base::Status write_checkpoint(os::Files& files, Session& session, const std::string& table_folder,
                              const std::string& scratch, const Snapshot& snapshot) {
  const std::string lines = checkpoint_lines(snapshot);
  const std::string from = scratch + ".json", to = scratch + ".parquet";
  LANDER_TRY(files.write_durably(from, base::as_bytes(lines)));
  LANDER_TRY(session.run("COPY (SELECT * FROM read_json(" + sql_literal(from) +
                         ", format='newline_delimited', columns=" + kCheckpointColumns + ")) TO " +
                         sql_literal(to) + " (FORMAT parquet)"));
  LANDER_ASSIGN(const base::Bytes bytes, files.read(to, kMaxLogFile));
  base::Status created =
      files.create_durably(checkpoint_path(table_folder, snapshot.version), bytes);
  if (!created.ok() && created.error().code() != Code::kExists) return created;
  const json pointer = {
      {"version", snapshot.version},
      {"size", snapshot.files.size() + snapshot.removed.size() + snapshot.txns.size() + 2}};
  LANDER_TRY(files.write_durably(log_folder(table_folder) + "/_last_checkpoint",
                                 base::as_bytes(pointer.dump())));
  LANDER_TRY(files.remove(from));
  return files.remove(to);
}

}  // namespace lander::lake
