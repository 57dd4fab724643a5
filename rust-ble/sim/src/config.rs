//! What kind of controller a node is.

/// Bits of the LE feature set (Vol 6, Part B, 4.6).
pub(crate) mod feature {
    pub const ENCRYPTION: u64 = 1 << 0;
    pub const CONNECTION_PARAMETERS_REQUEST: u64 = 1 << 1;
    pub const EXTENDED_REJECT: u64 = 1 << 2;
    pub const PERIPHERAL_FEATURES_EXCHANGE: u64 = 1 << 3;
    pub const DATA_LENGTH: u64 = 1 << 5;
    pub const PRIVACY: u64 = 1 << 6;
    pub const PHY_2M: u64 = 1 << 8;
    pub const EXTENDED_ADVERTISING: u64 = 1 << 12;
}
use feature::*;

/// A node of the air. Start from a [`Profile`] and change what the test needs.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Public device address, least significant byte first; `None` reads as zeros.
    pub public_address: Option<[u8; 6]>,
    /// HCI and LL version (8 is 4.2, 9 is 5.0, 13 is 5.4).
    pub version: u8,
    /// Company identifier.
    pub manufacturer: u16,
    /// LE features (Vol 6, Part B, 4.6). Commands and LL procedures follow from them.
    pub features: u64,
    /// Data bytes in an ACL packet from the host.
    pub acl_len: u16,
    /// ACL packets from the host that the controller can hold.
    pub acl_count: u8,
    /// LE Read Buffer Size reads as zero: the host must ask Read Buffer Size.
    pub shared_buffers: bool,
    /// LE Enhanced Connection Complete exists.
    pub enhanced_connection_complete: bool,
    /// Set Controller To Host Flow Control, Host Buffer Size and Host Number Of
    /// Completed Packets exist.
    pub host_flow_control: bool,
    /// The P-256 commands exist.
    pub p256: bool,
    /// Commands that the specification lets a controller leave out exist.
    pub optional_commands: bool,
    /// Simultaneous links.
    pub max_links: usize,
    /// Advertising sets.
    pub max_adv_sets: usize,
    /// Longest extended advertising data.
    pub max_adv_data: usize,
    /// Size of the filter accept list.
    pub accept_list_size: usize,
    /// Size of the resolving list.
    pub resolving_list_size: usize,
    /// Most data bytes in an ACL packet to the host: small values cut L2CAP PDUs at
    /// boundaries that a host seldom sees.
    pub delivery_len: u16,
    /// Received ACL packets that may wait for the host before the LL refuses more.
    pub rx_buffers: usize,
    /// Advertising reports that may wait for the host before more are dropped.
    pub report_buffers: usize,
}

/// Kinds of controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Bluetooth 5.4 with data length, 2M PHY, privacy and extended advertising.
    Full,
    /// Bluetooth 4.2 with data length 27 and no privacy in the controller.
    Bt42,
    /// The STM32WB55's coprocessor: no Host Buffer Size, legacy Connection Complete.
    Wb55,
    /// Everything the specification lets a controller leave out is missing.
    Minimal,
}

impl Profile {
    /// The profile of a name as used on the command line.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "full" => Profile::Full,
            "4.2" => Profile::Bt42,
            "wb55" => Profile::Wb55,
            "minimal" => Profile::Minimal,
            _ => return None,
        })
    }
}

impl NodeConfig {
    /// A controller of the given kind without a public address.
    pub fn new(profile: Profile) -> Self {
        let full = NodeConfig {
            public_address: None,
            version: 13,
            manufacturer: 0xffff,
            features: ENCRYPTION
                | CONNECTION_PARAMETERS_REQUEST
                | EXTENDED_REJECT
                | PERIPHERAL_FEATURES_EXCHANGE
                | DATA_LENGTH
                | PRIVACY
                | PHY_2M
                | EXTENDED_ADVERTISING,
            acl_len: 251,
            acl_count: 8,
            shared_buffers: false,
            enhanced_connection_complete: true,
            host_flow_control: true,
            p256: true,
            optional_commands: true,
            max_links: 32,
            max_adv_sets: 4,
            max_adv_data: 1650,
            accept_list_size: 16,
            resolving_list_size: 16,
            delivery_len: 251,
            rx_buffers: 64,
            report_buffers: 256,
        };
        match profile {
            Profile::Full => full,
            Profile::Bt42 => NodeConfig {
                version: 8,
                features: ENCRYPTION
                    | CONNECTION_PARAMETERS_REQUEST
                    | EXTENDED_REJECT
                    | PERIPHERAL_FEATURES_EXCHANGE,
                acl_len: 27,
                acl_count: 4,
                enhanced_connection_complete: false,
                p256: false,
                ..full
            },
            Profile::Wb55 => NodeConfig {
                version: 11,
                features: ENCRYPTION
                    | CONNECTION_PARAMETERS_REQUEST
                    | EXTENDED_REJECT
                    | PERIPHERAL_FEATURES_EXCHANGE
                    | DATA_LENGTH
                    | PRIVACY
                    | PHY_2M,
                acl_len: 251,
                acl_count: 5,
                enhanced_connection_complete: false,
                host_flow_control: false,
                max_links: 8,
                ..full
            },
            Profile::Minimal => NodeConfig {
                version: 8,
                features: ENCRYPTION,
                acl_len: 27,
                acl_count: 1,
                enhanced_connection_complete: false,
                host_flow_control: false,
                p256: false,
                optional_commands: false,
                max_links: 4,
                accept_list_size: 1,
                ..full
            },
        }
    }

    /// The same with a public address, given as it is printed.
    pub fn with_public(mut self, mut address: [u8; 6]) -> Self {
        address.reverse();
        self.public_address = Some(address);
        self
    }

    /// The same with another ACL buffer.
    pub fn with_acl(mut self, len: u16, count: u8) -> Self {
        self.acl_len = len;
        self.acl_count = count;
        self
    }

    pub(crate) fn has(&self, feature: u64) -> bool {
        self.features & feature != 0
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        NodeConfig::new(Profile::Full)
    }
}
