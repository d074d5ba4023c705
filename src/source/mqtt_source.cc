#include <algorithm>

#include "os/files.h"
#include "source/drivers.h"
#include "source/mqtt_connection.h"

namespace lander::source {
namespace {

using base::Code;
using base::Error;
using base::Result;
using base::Status;

constexpr std::uint32_t kSessionExpiryS = 30 * 24 * 3600;
constexpr std::size_t kMaxFilters = 10'000;

class MqttSource final : public Source {
 public:
  MqttSource(Config config, Endpoint endpoint, os::Clock& clock)
      : config_(std::move(config)), runner_(clock) {
    plan_.endpoint = std::move(endpoint);
    plan_.connect.client_id =
        config_.client_id.empty() ? "lander-" + config_.id : config_.client_id;
    plan_.connect.session_expiry_s = kSessionExpiryS;
    plan_.connect.username = config_.username;
  }
  ~MqttSource() override { runner_.stop(); }

  Status start(std::vector<Bound> bound, Sink& sink) override {
    LANDER_ASSIGN(plan_.table, TopicTable::make(bound));
    std::vector<std::string> filters = plan_.table.topics();
    filters.insert(filters.end(), config_.topics.begin(), config_.topics.end());
    plan_.filters = without_covered(std::move(filters));
    if (plan_.filters.size() > kMaxFilters)
      return Error(Code::kInvalid, "source " + config_.id + ": " +
                                       std::to_string(plan_.filters.size()) +
                                       " topics; subscribe to a wildcard in `topics` instead");
    bound_ = std::move(bound);
    runner_.run([this, &sink] { work(sink); });
    return {};
  }

  std::vector<Candidate> candidates() const override {
    return candidates_.list(config_.id, bound_, runner_.clock().monotonic_us());
  }
  Health health() const override { return runner_.board().health(); }

 private:
  void work(Sink& sink) {
    Backoff backoff(250 * base::kMillisecond, 30 * base::kSecond,
                    seed_of(plan_.connect.client_id) ^
                        static_cast<std::uint64_t>(runner_.clock().monotonic_us()));
    while (!runner_.stopping()) {
      const Status ended = connect_and_serve(sink, backoff);
      if (ended.ok()) return;
      const base::DurationUs wait = backoff.next();
      runner_.board().state(Health::State::kDisconnected,
                            ended.error().message() + "; " + next_try(wait));
      runner_.sleep(wait);
    }
  }

  Status connect_and_serve(Sink& sink, Backoff& backoff) {
    if (!config_.password_file.empty()) {  // read anew: a rotated password needs no restart
      auto secret = os::system_files().read(config_.password_file, 4096);
      if (!secret.ok()) return secret.error().context("password_file");
      plan_.connect.password = trim(base::as_text(*secret));
    }
    auto stream = TcpStream::connect(plan_.endpoint, 5 * base::kSecond, runner_);
    if (!stream.ok()) return stream.error();
    MqttConnection connection(plan_, std::move(*stream), runner_, candidates_, sink);
    const Status ended = connection.serve();
    if (connection.was_served()) backoff.reset();
    return ended.ok() ? ended : Status(ended.error().context(config_.address));
  }

  Config config_;
  MqttPlan plan_;
  std::vector<Bound> bound_;
  CandidateTable candidates_;
  Runner runner_;
};

}  // namespace

Result<std::unique_ptr<Source>> make_mqtt_source(const Config& config, os::Clock& clock) {
  auto endpoint = parse_endpoint(config.address);
  if (!endpoint.ok()) return endpoint.error();
  for (const std::string& filter : config.topics) LANDER_TRY(valid_mqtt_filter(filter));
  if (config.client_id.size() > 128 || !is_utf8(config.client_id))
    return Error(Code::kInvalid, "client_id: expected a text of at most 128 bytes");
  if (config.username.empty() && !config.password_file.empty())
    return Error(Code::kInvalid, "password_file needs a username");
  return std::unique_ptr<Source>(std::make_unique<MqttSource>(config, std::move(*endpoint), clock));
}

}  // namespace lander::source
