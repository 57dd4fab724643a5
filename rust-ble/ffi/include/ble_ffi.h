#ifndef BLE_FFI_H
#define BLE_FFI_H

// Generated from rust-ble/ffi by cbindgen: `make header`. Do not edit.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Room that the payload of any event needs: a notification, or the key and
// value of a secret.
#define BLE_EVENT_BYTES 520

#define BLE_IRQ_CENTRAL_CONNECT 1

#define BLE_IRQ_CENTRAL_DISCONNECT 2

#define BLE_IRQ_GATTS_WRITE 3

#define BLE_IRQ_GATTS_READ_REQUEST 4

#define BLE_IRQ_SCAN_RESULT 5

#define BLE_IRQ_SCAN_DONE 6

#define BLE_IRQ_PERIPHERAL_CONNECT 7

#define BLE_IRQ_PERIPHERAL_DISCONNECT 8

#define BLE_IRQ_GATTC_SERVICE_RESULT 9

#define BLE_IRQ_GATTC_SERVICE_DONE 10

#define BLE_IRQ_GATTC_CHARACTERISTIC_RESULT 11

#define BLE_IRQ_GATTC_CHARACTERISTIC_DONE 12

#define BLE_IRQ_GATTC_DESCRIPTOR_RESULT 13

#define BLE_IRQ_GATTC_DESCRIPTOR_DONE 14

#define BLE_IRQ_GATTC_READ_RESULT 15

#define BLE_IRQ_GATTC_READ_DONE 16

#define BLE_IRQ_GATTC_WRITE_DONE 17

#define BLE_IRQ_GATTC_NOTIFY 18

#define BLE_IRQ_GATTC_INDICATE 19

#define BLE_IRQ_GATTS_INDICATE_DONE 20

#define BLE_IRQ_MTU_EXCHANGED 21

#define BLE_IRQ_L2CAP_ACCEPT 22

#define BLE_IRQ_L2CAP_CONNECT 23

#define BLE_IRQ_L2CAP_DISCONNECT 24

#define BLE_IRQ_L2CAP_RECV 25

#define BLE_IRQ_L2CAP_SEND_READY 26

#define BLE_IRQ_CONNECTION_UPDATE 27

#define BLE_IRQ_ENCRYPTION_UPDATE 28

#define BLE_IRQ_GET_SECRET 29

#define BLE_IRQ_SET_SECRET 30

#define BLE_IRQ_PASSKEY_ACTION 31

#define BLE_PASSKEY_INPUT 2

#define BLE_PASSKEY_DISPLAY 3

#define BLE_PASSKEY_NUMERIC_COMPARISON 4

// Outcome of a command.
enum ble_error_t
#if __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // __STDC_VERSION__ >= 202311L
 {
  BLE_OK,
  BLE_INVALID,
  BLE_NOT_FOUND,
  BLE_NO_MEMORY,
  // Lend at least `ble_memory_needed()` bytes and repeat.
  BLE_NEED_MEMORY,
  BLE_BUSY,
  BLE_ALREADY,
  BLE_NOT_CONNECTED,
  BLE_INACTIVE,
  BLE_TIMED_OUT,
  BLE_CONTROLLER,
  BLE_NOT_SUPPORTED,
  BLE_SECURITY,
};
#if __STDC_VERSION__ >= 202311L
typedef enum ble_error_t ble_error_t;
#else
typedef uint32_t ble_error_t;
#endif // __STDC_VERSION__ >= 202311L

// What `ble_add` adds.
typedef enum {
  // A service.
  BLE_SERVICE,
  // A characteristic of the last service; its handle is that of the value.
  BLE_CHARACTERISTIC,
  // A descriptor of the last characteristic.
  BLE_DESCRIPTOR,
} ble_attribute_t;

// Names an option.
typedef enum {
  // Whether PDUs of up to 251 bytes are negotiated.
  BLE_OPTION_DATA_LENGTH,
  // Whether links move to the 2M PHY.
  BLE_OPTION_PHY_2M,
  // Seconds after which a private address is replaced, 1 to 41,400.
  BLE_OPTION_RPA_TIMEOUT,
  // Least length of an encryption key in bytes, 7 to 16.
  BLE_OPTION_MIN_KEY_SIZE,
  // Advertising reports dropped so far; cannot be set.
  BLE_OPTION_REPORTS_DROPPED,
  // Bytes that wait for the script, as the build has it: setting is without effect.
  BLE_OPTION_RX_BUFFER,
  // ATT_MTU that we offer.
  BLE_OPTION_MTU,
  // Whether pairing bonds; as all that follows, cannot be read.
  BLE_OPTION_BOND,
  // Whether pairing protects against MITM, where it can.
  BLE_OPTION_MITM,
  // Whether only LE Secure Connections will do.
  BLE_OPTION_SECURE_ONLY,
  // Input and output capability as in a Pairing Request, 0 to 4.
  BLE_OPTION_IO,
} ble_option_t;

// One H4 packet to send: these three parts one after another. The pointers
// are valid until the next call of any function.
typedef struct {
  uint8_t header[11];
  uint8_t header_len;
  uint16_t head_len;
  uint16_t tail_len;
  const uint8_t *head;
  const uint8_t *tail;
} ble_transmit_t;

// One event. `kind` is MicroPython's `_IRQ_…` number; the meaning of the
// values is that of the event's tuple, in its order.
typedef struct {
  // `_IRQ_…`.
  uint8_t kind;
  // 0 public, 1 random.
  uint8_t addr_type;
  // Connection handle.
  uint16_t conn;
  // What follows the connection handle and address in the event's tuple; of
  // `_IRQ_PASSKEY_ACTION` the digits' lower and upper half last.
  uint16_t value[4];
  // Names a query, for its answer.
  uint16_t token;
  // Where the host has the data.
  uint16_t data_at;
  // Length of the data, which follows the key. Without, a secret is deleted.
  uint16_t data_len;
  // Length of the key, with which the payload starts; zero without one.
  uint8_t key_len;
  // The data lies in the pool of kept values, else in the packet.
  bool kept;
  // 0, 2 or 16.
  uint8_t uuid_len;
  // A UUID, least significant byte first, or an address, most significant
  // byte first.
  uint8_t bytes[16];
} ble_event_t;

// The precompiled `core` of a hosted target refers to it; nothing unwinds.
void rust_eh_personality(void);

#if defined(BLE_DEBUG)
// PDUs to send, kept values, and links: zeros when nothing goes on.
//
// # Safety
// `counts` points to room for three numbers.
void ble_in_use(size_t *counts);
#endif

#if defined(BLE_DEBUG)
// Panics while the host is in use.
void ble_force_panic(void);
#endif

#if defined(BLE_DEBUG)
// Panics when the host is asked for the next event.
void ble_force_panic_soon(void);
#endif

// The device name: sets `*name`, valid until it is set again, and gives its
// length.
//
// # Safety
// `name` points to room for a pointer.
size_t ble_name(const uint8_t **name);

// Sets the device name.
//
// # Safety
// `name` points to `len` bytes.
ble_error_t ble_set_name(const uint8_t *name, size_t len);

// Our address, most significant byte first, and its type.
//
// # Safety
// `addr` points to room for six bytes.
uint8_t ble_address(uint8_t *addr);

// MicroPython's `addr_mode`; while active an operation.
ble_error_t ble_set_address_mode(uint8_t mode);

// Starts advertising: an operation. A null pointer keeps earlier data.
//
// # Safety
// `data` and `response` are null or point to as many bytes.
ble_error_t ble_advertise(bool connectable,
                          uint32_t interval_us,
                          const uint8_t *data,
                          size_t data_len,
                          const uint8_t *response,
                          size_t response_len);

// Stops advertising: an operation.
ble_error_t ble_stop_advertising(void);

// Starts scanning: an operation. Zero is without end.
ble_error_t ble_start_scan(uint32_t duration_ms,
                           uint32_t interval_us,
                           uint32_t window_us,
                           bool active);

// Stops scanning: an operation.
ble_error_t ble_stop_scan(void);

// Starts to connect: an operation. Zero intervals leave the choice to us.
//
// # Safety
// `addr` points to six bytes, most significant first.
ble_error_t ble_connect(uint8_t addr_type,
                        const uint8_t *addr,
                        uint32_t duration_ms,
                        uint32_t min_interval_us,
                        uint32_t max_interval_us);

// Gives up connecting: an operation.
ble_error_t ble_cancel_connect(void);

// Ends a link.
ble_error_t ble_disconnect(uint16_t conn);

// Whether there is such a link.
bool ble_is_connected(uint16_t conn);

// Sends a command of the script's own: an operation, after which
// `ble_take_reply` must be called, whatever came of it.
//
// # Safety
// `params` points to as many bytes; `reply` to as many that nothing else
// touches until `ble_take_reply`.
ble_error_t ble_hci_command(uint16_t opcode,
                            const uint8_t *params,
                            size_t params_len,
                            uint8_t *reply,
                            size_t reply_len);

// Ends the use of `ble_hci_command`'s memory and gives the HCI status.
uint8_t ble_take_reply(void);

// Bytes that the last `BLE_NEED_MEMORY` asked for.
size_t ble_memory_needed(void);

// Lends memory for the attribute database; what is stored moves there, and
// what was lent before is free.
//
// # Safety
// `memory` points to `len` bytes that nothing else touches until other
// memory is lent or `ble_take_memory` is called.
void ble_lend_database(uint8_t *memory, size_t len);

// Starts registering services.
ble_error_t ble_services_begin(bool append);

// Ends registering services.
ble_error_t ble_services_end(void);

// Adds to the services; `flags` are for what is no service.
//
// # Safety
// `uuid` points to as many bytes, least significant first, `handle` to room
// for the handle.
ble_error_t ble_add(ble_attribute_t what,
                    const uint8_t *uuid,
                    size_t uuid_len,
                    uint16_t flags,
                    uint16_t *handle);

// The stored value of a handle, valid until the next call; a value in append
// mode is empty from now on.
//
// # Safety
// `value` and `len` point to room for them.
ble_error_t ble_read(uint16_t handle, const uint8_t **value, size_t *len);

// Stores a value; with `update` tells the clients that subscribed to it.
//
// # Safety
// `value` points to `len` bytes.
ble_error_t ble_write(uint16_t handle, const uint8_t *value, size_t len, bool update);

// Sets the capacity of a value, and whether clients append to it.
ble_error_t ble_set_buffer(uint16_t handle, size_t len, bool append);

// Notifies or indicates `value`, or what is stored if it is null.
//
// # Safety
// `value` is null or points to `len` bytes.
ble_error_t ble_notify(uint16_t conn,
                       uint16_t handle,
                       bool indicate,
                       const uint8_t *value,
                       size_t len);

// Answers a read request: zero, or an ATT error code.
void ble_answer_read(uint16_t token, uint8_t code);

// Discovers primary services, all if `uuid` is null.
//
// # Safety
// `uuid` is null or points to as many bytes.
ble_error_t ble_discover_services(uint16_t conn, const uint8_t *uuid, size_t uuid_len);

// Discovers characteristics, all if `uuid` is null.
//
// # Safety
// `uuid` is null or points to as many bytes.
ble_error_t ble_discover_characteristics(uint16_t conn,
                                         uint16_t start,
                                         uint16_t end,
                                         const uint8_t *uuid,
                                         size_t uuid_len);

// Discovers descriptors.
ble_error_t ble_discover_descriptors(uint16_t conn, uint16_t start, uint16_t end);

// Reads a value from the peer.
ble_error_t ble_client_read(uint16_t conn, uint16_t handle);

// Writes a value to the peer; see `Host::gattc_write` for the mode.
//
// # Safety
// `value` points to `len` bytes.
ble_error_t ble_client_write(uint16_t conn,
                             uint16_t handle,
                             const uint8_t *value,
                             size_t len,
                             uint32_t mode);

// Exchanges the MTU.
ble_error_t ble_exchange_mtu(uint16_t conn);

// Bytes to lend for a channel with SDUs of up to `mtu` bytes.
size_t ble_l2cap_memory_needed(uint16_t mtu);

// Accepts channels to a PSM from now on.
ble_error_t ble_l2cap_listen(uint16_t psm, uint16_t mtu);

// Connects a channel and gives our CID. If it fails, `memory` is not kept.
//
// # Safety
// `memory` points to `len` bytes that nothing else touches as long as
// `ble_l2cap_holds` says so; `cid` to room for the CID.
ble_error_t ble_l2cap_connect(uint16_t conn,
                              uint16_t psm,
                              uint16_t mtu,
                              uint8_t *memory,
                              size_t len,
                              uint16_t *cid);

// Accepts a channel with memory as for `ble_l2cap_connect`, or refuses it
// with a null pointer.
//
// # Safety
// As for `ble_l2cap_connect`.
ble_error_t ble_answer_accept(uint16_t token, uint8_t *memory, size_t len);

// Whether memory lent for our CID is in use.
bool ble_l2cap_holds(uint16_t cid);

// Ends a channel.
ble_error_t ble_l2cap_disconnect(uint16_t conn, uint16_t cid);

// Sends an SDU and tells whether the channel is stalled now.
//
// # Safety
// `data` points to `len` bytes, `stalled` to room for the answer.
ble_error_t ble_l2cap_send(uint16_t conn,
                           uint16_t cid,
                           const uint8_t *data,
                           size_t len,
                           bool *stalled);

// Takes received bytes; with a null pointer only tells how many there are.
//
// # Safety
// `buf` is null or points to `*len` bytes; `len` points to their number,
// which is replaced.
ble_error_t ble_l2cap_recvinto(uint16_t conn, uint16_t cid, uint8_t *buf, size_t *len);

// Most L2CAP channels at a time.
size_t ble_max_channels(void);

// Bytes that the host needs.
size_t ble_host_bytes(void);

// Lends memory for the host, which is off then; false if it has some already.
// Without memory every command gives `BLE_INACTIVE`.
//
// # Safety
// `memory` points to `ble_host_bytes()` bytes, aligned for any type, that
// nothing else touches until `ble_take_memory` gives true.
bool ble_lend_host(uint8_t *memory);

// Ends the use of all memory that was lent, by the host and otherwise; for
// when the host is off. What the script configured stays. False, with nothing
// done, while another thread uses the host.
bool ble_take_memory(void);

// Switches the host on: an operation.
//
// # Safety
// `seed` points to 32 bytes of the best entropy there is.
ble_error_t ble_start(const uint8_t *seed);

// Ends all links and resets the controller: an operation.
ble_error_t ble_stop(void);

// Off at once, without the controller, which may be gone. Configuration of
// the script stays.
void ble_switch_off(void);

// Whether commands are taken.
bool ble_is_active(void);

// The controller is gone: links end, each with its event.
void ble_transport_lost(void);

// Takes bytes of the H4 stream and returns how many.
//
// # Safety
// `data` points to `len` bytes.
size_t ble_receive(const uint8_t *data, size_t len);

// The next packet to send; false when there is none. To be followed by
// `ble_transmitted` once it is out, before anything else.
//
// # Safety
// `packet` points to room for one.
bool ble_poll_transmit(ble_transmit_t *packet);

// The packet that `ble_poll_transmit` gave is out.
void ble_transmitted(void);

// When `ble_handle_timeout` is due; false for never.
//
// # Safety
// `at` points to room for the time.
bool ble_poll_timeout(uint32_t *at);

// Ends what has waited too long.
void ble_handle_timeout(void);

// The next event for the script; false when there is none for now. `deep`:
// there is stack for the cryptography of a pairing, some 3 kB; it is put off
// otherwise.
//
// # Safety
// `event` points to room for one, `payload` to `BLE_EVENT_BYTES`.
bool ble_poll_event(ble_event_t *event, uint8_t *payload, bool deep);

// The result of the operation that runs; false while it does.
//
// # Safety
// `result` points to room for it.
bool ble_poll_operation(ble_error_t *result);

// Answers a query whose handler failed: nothing found, stored or accepted;
// a read is allowed.
void ble_answer_none(uint16_t token);

// Whether the host is on but its controller is gone.
bool ble_has_failed(void);

// The value of an option.
uint32_t ble_option(ble_option_t option);

// Sets an option; `EINVAL` out of range.
ble_error_t ble_set_option(ble_option_t option, uint32_t value);

// After a panic, by the glue alone: gives up the host as it stands, for a new
// one with the script's configuration, which is off.
void ble_abandon(void);

// Pairs, or encrypts with the stored key.
ble_error_t ble_pair(uint16_t conn);

// Asks for the script's secrets as long as it has kept none, if bonds are
// configured or `always`. True if it is asked.
bool ble_ask_for_secrets(bool always);

// Forgets a bond, or all if `addr` is null.
//
// # Safety
// `addr` is null or points to six bytes, most significant first.
ble_error_t ble_unpair(uint8_t addr_type, const uint8_t *addr);

// What the user did for `_IRQ_PASSKEY_ACTION`.
ble_error_t ble_passkey(uint16_t conn, uint8_t action, uint32_t passkey);

// Answers `_IRQ_GET_SECRET`; null for nothing found.
//
// # Safety
// `value` is null or points to `len` bytes.
void ble_answer_secret(uint16_t token, const uint8_t *value, size_t len);

// Answers `_IRQ_SET_SECRET`.
void ble_answer_stored(uint16_t token, bool stored);

#endif  /* BLE_FFI_H */
