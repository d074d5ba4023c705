#include "store/rollup.h"

#include <limits>

namespace lander::store {

double number_at(const sensing::Block& block, std::size_t at) {
  switch (block.kind) {
    case sensing::Kind::kNumber:
      return block.numbers[at];
    case sensing::Kind::kInteger:
      return static_cast<double>(block.integers[at]);
    case sensing::Kind::kBoolean:
      return block.booleans[at] ? 1 : 0;
    default:
      return std::numeric_limits<double>::quiet_NaN();
  }
}

Rollups roll_up(const sensing::Block& block, Level level, base::TimeUs from) {
  Rollups out;
  sensing::Summary* summary = nullptr;
  base::TimeUs start = 0;
  for (std::size_t i = 0; i < block.size(); ++i) {
    if (block.times[i] < from) continue;
    if (const base::TimeUs unit = floor_to(block.times[i], unit_of(level));
        summary == nullptr || unit != start) {
      start = unit;
      summary = &out[start];
    }
    summary->add(number_at(block, i), block.qualities[i]);
  }
  return out;
}

base::Status add_rollups(Connection& connection, std::uint32_t series, Segment segment, Level level,
                         const Rollups& rollups) {
  for (const auto& [time, summary] : rollups) {
    LANDER_ASSIGN(
        Query query,
        connection.query(
            "INSERT INTO rollup(series,segment,level,t,count,others,least,most,sum)"
            " VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
            " least=CASE WHEN count=0 THEN excluded.least WHEN excluded.count=0 THEN least"
            " ELSE min(least,excluded.least) END,"
            " most=CASE WHEN count=0 THEN excluded.most WHEN excluded.count=0 THEN most"
            " ELSE max(most,excluded.most) END,"
            " sum=sum+excluded.sum, count=count+excluded.count, others=others+excluded.others"));
    query->bind(1, std::int64_t{series}).bind(2, std::int64_t{segment});
    query->bind(3, static_cast<std::int64_t>(level)).bind(4, time);
    query->bind(5, summary.count).bind(6, summary.others).bind(7, summary.least);
    query->bind(8, summary.most).bind(9, summary.sum);
    LANDER_TRY(query->run());
  }
  return {};
}

}  // namespace lander::store
