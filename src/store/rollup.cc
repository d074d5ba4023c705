#include "store/rollup.h"

namespace lander::store {
namespace {

base::Status write(Connection& connection, std::uint32_t series, Level level,
                   const OpenMinute& row) {
  LANDER_ASSIGN(
      Query query,
      connection.query(
          "INSERT INTO rollup(series,level,t,segment,count,others,least,most,sum)"
          " VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
          " least=CASE WHEN count=0 THEN excluded.least WHEN excluded.count=0 THEN least"
          " ELSE min(least,excluded.least) END,"
          " most=CASE WHEN count=0 THEN excluded.most WHEN excluded.count=0 THEN most"
          " ELSE max(most,excluded.most) END,"
          " sum=sum+excluded.sum, count=count+excluded.count, others=others+excluded.others"));
  query->bind(1, std::int64_t{series}).bind(2, static_cast<std::int64_t>(level));
  query->bind(3, row.minute).bind(4, std::int64_t{row.segment});
  query->bind(5, row.summary.count).bind(6, row.summary.others).bind(7, row.summary.least);
  query->bind(8, row.summary.most).bind(9, row.summary.sum);
  return query->run();
}

}  // namespace

sensing::Summary& minute_of(std::vector<OpenMinute>& minutes, Segment segment, base::TimeUs time) {
  const base::TimeUs minute = floor_to(time, base::kMinute);
  for (auto at = minutes.rbegin(); at != minutes.rend(); ++at) {
    if (at->minute == minute && at->segment == segment) return at->summary;
  }
  return minutes.emplace_back(OpenMinute{segment, minute, {}}).summary;
}

void merge(std::vector<OpenMinute>& into, const std::vector<OpenMinute>& from) {
  for (const OpenMinute& minute : from) {
    minute_of(into, minute.segment, minute.minute).add(minute.summary);
  }
}

base::Status write_rollups(Connection& connection, std::uint32_t series,
                           const std::vector<OpenMinute>& minutes) {
  std::vector<OpenMinute> hours;
  for (const OpenMinute& minute : minutes) {
    LANDER_TRY(write(connection, series, Level::kMinute, minute));
    const base::TimeUs hour = floor_to(minute.minute, base::kHour);
    auto at = hours.rbegin();
    while (at != hours.rend() && !(at->minute == hour && at->segment == minute.segment)) ++at;
    if (at == hours.rend()) {
      hours.push_back({minute.segment, hour, minute.summary});
    } else {
      at->summary.add(minute.summary);
    }
  }
  for (const OpenMinute& hour : hours) LANDER_TRY(write(connection, series, Level::kHour, hour));
  return {};
}

}  // namespace lander::store
