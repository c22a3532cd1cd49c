//! Address plan and its application: bridges, firewall, DNS, published ports.
