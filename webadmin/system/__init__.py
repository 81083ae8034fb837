"""How the gateway is: health, alarms, audit, people."""
