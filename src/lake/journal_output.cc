// The journal's part in compaction.
#include "lake/journal.h"

namespace lander::lake {

base::Status Journal::begin_output(const Output& output) {
  LANDER_ASSIGN(auto put, database_.prepare("INSERT INTO output VALUES(?1, ?2, ?3)"));
  put.bind(1, std::string_view(output.tenant)).bind(2, name_of(output.table));
  return put.bind(3, std::string_view(output.path)).run();
}

base::Result<std::vector<Journal::Output>> Journal::outputs() {
  LANDER_ASSIGN(auto get, database_.prepare("SELECT tenant, name, path FROM output"));
  std::vector<Output> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) return out;
    for (const Table table : kAllTables)
      if (get.text(1) == name_of(table))
        out.push_back({std::string(get.text(0)), std::string(get.text(2)), table});
  }
}

base::Status Journal::finish_output(const Output& output, std::int64_t version) {
  LANDER_ASSIGN(auto transaction, os::Transaction::begin(database_));
  LANDER_ASSIGN(auto drop, database_.prepare(
                               "DELETE FROM output WHERE tenant = ?1 AND name = ?2 AND path = ?3"));
  drop.bind(1, std::string_view(output.tenant)).bind(2, name_of(output.table));
  LANDER_TRY(drop.bind(3, std::string_view(output.path)).run());
  LANDER_TRY(put_version(output.tenant, output.table, version));
  return transaction.commit();
}

base::Status Journal::put_version(std::string_view tenant, Table table, std::int64_t version) {
  LANDER_ASSIGN(auto put, database_.prepare("INSERT OR REPLACE INTO delta VALUES(?1, ?2, ?3)"));
  return put.bind(1, tenant).bind(2, name_of(table)).bind(3, version).run();
}

}  // namespace lander::lake
