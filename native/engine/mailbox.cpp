#include "mailbox.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

namespace portside {
namespace {

// One lock for the registry and the packets: a port cannot go away between finding it and waking it.
struct Registry {
  std::mutex lock;
  std::unordered_map<std::uint32_t, Mailbox*> open;
  std::uint32_t last_id = 0;
};

// Never destroyed: worker threads may still post while the process ends.
Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

}  // namespace

void Mailbox::open(std::function<void()> wake) {
  wake_ = std::move(wake);
  const std::scoped_lock guard(registry().lock);
  id_ = ++registry().last_id;
  registry().open.emplace(id_, this);
}

Mailbox::~Mailbox() {
  close();
}

void Mailbox::close() {
  const std::scoped_lock guard(registry().lock);
  registry().open.erase(id_);
}

std::vector<Packet> Mailbox::take(std::size_t most) {
  const std::scoped_lock guard(registry().lock);
  const auto end = packets_.begin() + static_cast<std::ptrdiff_t>(std::min(most, packets_.size()));
  std::vector<Packet> taken(std::make_move_iterator(packets_.begin()), std::make_move_iterator(end));
  packets_.erase(packets_.begin(), end);
  count_.store(packets_.size(), std::memory_order_release);
  return taken;
}

bool Mailbox::post(std::uint32_t id, Packet packet) {
  const std::scoped_lock guard(registry().lock);
  const auto found = registry().open.find(id);
  if (found == registry().open.end()) return false;
  Mailbox& mailbox = *found->second;
  mailbox.packets_.push_back(std::move(packet));
  mailbox.count_.store(mailbox.packets_.size(), std::memory_order_release);
  if (mailbox.packets_.size() == 1) mailbox.wake_();
  return true;
}

}  // namespace portside
