#include "collector/notify/notifiers.h"

#include <curl/curl.h>

#include <utility>

#include "collector/notify/target_sender.h"

namespace plimsoll::collector::notify {
namespace {

class Fanout : public HttpNotifier {
 public:
  Fanout(DeliveryStyle style, std::vector<TargetAddress> addresses,
         const NotifierOptions& options, const Clocks& clocks,
         LossCounter* losses) {
    // Thread-safe and counted since libcurl 7.84; never undone, as other parts
    // of the process may use it.
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (TargetAddress& address : addresses) {
      targets_.push_back(std::make_unique<TargetSender>(
          style, std::move(address), options, clocks, losses));
    }
  }
  void Notify(const Notification& notification) override {
    for (const auto& target : targets_) target->Notify(notification);
  }
  std::vector<Receipt> TakeReceipts() override {
    std::vector<Receipt> all;
    for (const auto& target : targets_) {
      for (Receipt& r : target->TakeReceipts()) all.push_back(std::move(r));
    }
    return all;
  }
  std::vector<TargetStatus> Targets() const override {
    std::vector<TargetStatus> all;
    for (const auto& target : targets_) all.push_back(target->Status());
    return all;
  }

 private:
  std::vector<std::unique_ptr<TargetSender>> targets_;
};

std::vector<TargetAddress> OfSecrets(const char* kind, const std::string& url,
                                     const NotifierOptions& options) {
  std::vector<TargetAddress> addresses;
  for (const std::string& file : options.secret_files) {
    addresses.push_back({std::string(kind) + " " + file, url, file});
  }
  return addresses;
}

}  // namespace

std::unique_ptr<HttpNotifier> MakeAlertmanagerNotifier(
    const NotifierOptions& options, const Clocks& clocks, LossCounter* losses) {
  std::vector<TargetAddress> addresses;
  for (std::string url : options.urls) {
    while (!url.empty() && url.back() == '/') url.pop_back();
    addresses.push_back(
        {"alertmanager " + net::ShownUrl(url), url + "/api/v2/alerts", ""});
  }
  return std::make_unique<Fanout>(DeliveryStyle::kAlertmanager,
                                  std::move(addresses), options, clocks,
                                  losses);
}

std::unique_ptr<HttpNotifier> MakeWebhookNotifier(
    const NotifierOptions& options, const Clocks& clocks, LossCounter* losses) {
  std::vector<TargetAddress> addresses;
  for (const std::string& url : options.urls) {
    addresses.push_back({"webhook " + net::ShownUrl(url), url, ""});
  }
  return std::make_unique<Fanout>(DeliveryStyle::kWebhook, std::move(addresses),
                                  options, clocks, losses);
}

std::unique_ptr<HttpNotifier> MakePagerDutyNotifier(
    const NotifierOptions& options, const Clocks& clocks, LossCounter* losses) {
  return std::make_unique<Fanout>(
      DeliveryStyle::kPagerDuty,
      OfSecrets("pagerduty", options.pagerduty_url, options), options, clocks,
      losses);
}

std::unique_ptr<HttpNotifier> MakeSlackNotifier(const NotifierOptions& options,
                                                const Clocks& clocks,
                                                LossCounter* losses) {
  return std::make_unique<Fanout>(DeliveryStyle::kSlack,
                                  OfSecrets("slack", "", options), options,
                                  clocks, losses);
}

}  // namespace plimsoll::collector::notify
