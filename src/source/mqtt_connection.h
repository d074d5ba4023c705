// One connection to an MQTT broker, from CONNECT to its end: reads on while what was read waits for
// the disk, and acknowledges a message only when the store holds it (docs/adr/0001).
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "source/candidates.h"
#include "source/mqtt_codec.h"
#include "source/tcp.h"
#include "source/topic_table.h"

namespace lander::source {

// How the store's thread tells the source's thread what is durable. Shared, because the store may
// answer after the connection is gone. Thread-safe.
class Commits {
 public:
  struct Result {
    std::uint64_t batch;
    bool durable;
    std::string error;
  };
  void add(Result result);
  std::vector<Result> take();
  Wakeup& wakeup() { return wakeup_; }

 private:
  std::mutex mutex_;
  std::vector<Result> results_;
  Wakeup wakeup_;
};

struct MqttPlan {
  Endpoint endpoint;
  MqttConnect connect;
  std::vector<std::string> filters;  // to subscribe; none covers another; at most 10,000
  TopicTable table;
};

class MqttConnection {
 public:
  MqttConnection(const MqttPlan& plan, TcpStream stream, Runner& runner, CandidateTable& candidates,
                 Sink& sink);
  // Serves until the connection fails (the reason) or the runner stops (ok: all that was durable is
  // acknowledged and the broker was told).
  base::Status serve();
  bool was_served() const { return subscribed_; }  // the broker took us: the next try may be soon

 private:
  // Packets wait for their batch; a packet of batch 0 waits for none, only for those before it.
  struct Unacked {
    std::uint16_t packet_id;
    std::uint64_t batch;
  };

  base::Status read_some();
  base::Status decode_some();
  base::Status handle(const MqttPacket& packet);
  base::Status handle_connack(const MqttPacket& packet);
  base::Status handle_suback(const MqttPacket& packet);
  void handle_publish(const MqttPacket& packet);
  void tell_subscribed();
  void hold_back(const MqttPacket& packet, const base::Error& why);
  void try_again();
  void offer_candidates(const MqttPacket& packet);
  bool is_stray(const MqttPacket& packet) const;
  void unsubscribe_stray(std::string_view topic);
  void offer_batch();
  base::Status acknowledge();
  base::Status write_some();
  base::Status keep_alive();
  base::Status leave();
  void wait();
  bool listens() const;  // false: no message is taken until the sink or the disk has caught up
  bool is_durable(std::uint64_t batch) const;

  const MqttPlan& plan_;
  TcpStream stream_;
  Runner& runner_;
  CandidateTable& candidates_;
  Sink& sink_;
  std::shared_ptr<Commits> commits_ = std::make_shared<Commits>();

  MqttReader reader_;
  base::Bytes input_, output_;
  bool connected_ = false, subscribed_ = false, held_ = false;
  std::unordered_set<std::uint32_t> subscription_ids_;  // of plan_.filters
  std::size_t subacks_ = 0;
  std::string refused_filter_;
  std::vector<sensing::Observation> batch_;  // decoded, not yet taken by the sink
  std::uint64_t batch_number_ = 1;           // of batch_
  std::uint64_t messages_ = 0;
  std::deque<Unacked> unacked_;
  std::set<std::uint64_t> durable_;  // batches whose packets still stand in unacked_
  std::uint64_t durable_through_ = 0;
  base::DurationUs last_sent_, last_heard_, last_ping_ = 0, last_stray_ = 0;
  base::DurationUs keep_alive_us_;
  // A message whose object could not be kept; it and all behind it wait. Its views borrow the
  // copies.
  struct HeldBack {
    MqttPacket packet;
    std::string topic;
    base::Bytes payload;
    base::DurationUs due = 0;
  };
  std::unique_ptr<HeldBack> held_back_;
  bool more_buffered_ = false;  // the reader still holds packets: do not sleep
};

}  // namespace lander::source
