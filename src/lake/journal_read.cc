// The journal's questions that change nothing, and the change of its name.
#include "lake/journal.h"

namespace lander::lake {

base::Result<std::int64_t> Journal::version(std::string_view tenant, Table table) {
  LANDER_ASSIGN(auto get,
                database_.prepare("SELECT version FROM delta WHERE tenant = ?1 AND name = ?2"));
  get.bind(1, tenant).bind(2, name_of(table));
  LANDER_ASSIGN(const bool row, get.step());
  return row ? get.integer(0) : std::int64_t{-1};
}

base::Result<std::int64_t> Journal::last_batch() {
  LANDER_ASSIGN(auto get,
                database_.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'batch'"));
  LANDER_ASSIGN(const bool row, get.step());
  return row ? get.integer(0) : std::int64_t{0};
}

base::Status Journal::rename_application(os::Random& random) {
  const std::string name = "lander-ingest-" + base::to_hex(random.bytes(8));
  LANDER_ASSIGN(auto put,
                database_.prepare("UPDATE meta SET value = ?1 WHERE name = 'application'"));
  LANDER_TRY(put.bind(1, std::string_view(name)).run());
  application_ = name;
  return {};
}

base::Result<std::optional<sensing::Datastream>> Journal::context(std::string_view tenant,
                                                                  std::string_view site,
                                                                  std::string_view datastream,
                                                                  std::uint32_t revision) {
  LANDER_ASSIGN(auto get,
                database_.prepare("SELECT body FROM datastream WHERE tenant = ?1 AND site = ?2 "
                                  "AND id = ?3 AND revision = ?4"));
  get.bind(1, tenant).bind(2, site).bind(3, datastream).bind(4, std::int64_t{revision});
  LANDER_ASSIGN(const bool row, get.step());
  if (!row) return std::optional<sensing::Datastream>();
  LANDER_ASSIGN(sensing::Datastream decoded, sensing::decode_datastream(get.bytes(0)));
  return std::optional<sensing::Datastream>(std::move(decoded));
}

base::Result<std::vector<base::Bytes>> Journal::overlapping(std::string_view tenant,
                                                            std::string_view site,
                                                            std::string_view type,
                                                            base::TimeUs from, base::TimeUs to) {
  LANDER_ASSIGN(auto get,
                database_.prepare("SELECT body FROM waiting WHERE tenant = ?1 AND site = ?2 "
                                  "AND type = ?3 AND time_from < ?5 AND time_to >= ?4"));
  get.bind(1, tenant).bind(2, site).bind(3, type).bind(4, from).bind(5, to);
  std::vector<base::Bytes> out;
  for (;;) {
    LANDER_ASSIGN(const bool row, get.step());
    if (!row) return out;
    const base::ByteView body = get.bytes(0);
    out.emplace_back(body.begin(), body.end());
  }
}

base::Result<std::int64_t> Journal::newest_waiting() {
  LANDER_ASSIGN(auto get, database_.prepare("SELECT coalesce(max(id), 0) FROM waiting"));
  LANDER_ASSIGN(const bool row, get.step());
  return row ? get.integer(0) : std::int64_t{0};
}

base::Result<std::uint64_t> Journal::waiting_rows() {
  LANDER_ASSIGN(auto get, database_.prepare("SELECT coalesce(sum(rows), 0) FROM waiting"));
  LANDER_ASSIGN(const bool row, get.step());
  return row ? static_cast<std::uint64_t>(get.integer(0)) : std::uint64_t{0};
}

}  // namespace lander::lake
